//! Accounts, sessions and keys in DynamoDB; any OIDC issuer and Cognito as the identity provider.
