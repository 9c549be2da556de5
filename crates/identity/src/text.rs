//! What people type, brought to one form or refused with a reason per field.

use crate::policy::TextPolicy;
use unicode_normalization::UnicodeNormalization;

/// A field that cannot be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct BadField {
    pub field: &'static str,
    pub code: &'static str,
    pub message: String,
}

fn bad(field: &'static str, code: &'static str, message: impl Into<String>) -> BadField {
    BadField { field, code, message: message.into() }
}

/// Names nobody may take: they would pass for the house.
const RESERVED_HANDLES: &[&str] = &[
    "admin",
    "administrator",
    "api",
    "help",
    "moderator",
    "operator",
    "root",
    "security",
    "signal",
    "signal_video",
    "staff",
    "support",
    "system",
];

/// Characters that do not show or that turn the text around them: joiners stay, emoji need them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00AD}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// The one form of an e-mail address: trimmed, NFKC, lower case.
pub fn email(text: &str, policy: &TextPolicy) -> Result<String, BadField> {
    let wrong = || bad("email", "invalid", "this is not an e-mail address");
    if text.len() > policy.email_bytes_max {
        return Err(bad("email", "too_long", "this address is too long"));
    }
    let email: String = text.trim().nfkc().collect::<String>().to_lowercase();
    let (local, domain) = email.rsplit_once('@').ok_or_else(wrong)?;
    let sane = |c: char| !c.is_whitespace() && !is_invisible(c) && !matches!(c, '<' | '>' | ',' | ';' | '"');
    let domain_ok = domain.contains('.')
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    let ok = !local.is_empty()
        && local.len() <= 64
        && !local.contains('@')
        && email.chars().all(sane)
        && domain_ok
        && email.len() <= policy.email_bytes_max;
    if ok { Ok(email) } else { Err(wrong()) }
}

/// Long enough, and not longer than a hash should work on. No rules on kinds of characters
/// (NIST SP 800-63B): length is what counts.
pub fn password(text: &str, policy: &TextPolicy) -> Result<(), BadField> {
    if text.chars().count() < policy.password_chars_min {
        let said = format!("a password has at least {} characters", policy.password_chars_min);
        return Err(bad("password", "too_short", said));
    }
    if text.len() > policy.password_bytes_max {
        let said = format!("a password has at most {} bytes", policy.password_bytes_max);
        return Err(bad("password", "too_long", said));
    }
    Ok(())
}

fn plain(text: &str, keep_lines: bool) -> String {
    let seen: String =
        text.nfc().filter(|c| !is_invisible(*c) || (keep_lines && *c == '\n') || *c == '\t').collect();
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    if keep_lines {
        seen.lines().map(squeeze).collect::<Vec<_>>().join("\n").trim().to_owned()
    } else {
        squeeze(&seen)
    }
}

/// Plain text on one line, NFC, nothing invisible.
pub fn display_name(text: &str, policy: &TextPolicy) -> Result<String, BadField> {
    let max = policy.display_name_chars_max;
    // Looked at before the work of normalising: the body limit alone would allow megabytes.
    if text.len() > max * 16 {
        return Err(bad("display_name", "too_long", format!("a name has at most {max} characters")));
    }
    let name = plain(&text.replace('\n', " "), false);
    match name.chars().count() {
        0 => Err(bad("display_name", "empty", "a name needs at least one visible character")),
        n if n > max => Err(bad("display_name", "too_long", format!("a name has at most {max} characters"))),
        _ => Ok(name),
    }
}

pub fn bio(text: &str, policy: &TextPolicy) -> Result<String, BadField> {
    let max = policy.bio_chars_max;
    let long = || bad("bio", "too_long", format!("a bio has at most {max} characters"));
    if text.len() > max * 16 {
        return Err(long());
    }
    let bio = plain(text, true);
    if bio.chars().count() > max { Err(long()) } else { Ok(bio) }
}

/// `a–z 0–9 _`, starts with a letter; a leading `@` and capitals are forgiven.
pub fn handle(text: &str, policy: &TextPolicy) -> Result<String, BadField> {
    let handle = text.trim().trim_start_matches('@').to_ascii_lowercase();
    let (min, max) = (policy.handle_chars_min, policy.handle_chars_max);
    if handle.len() < min || handle.len() > max {
        return Err(bad("handle", "length", format!("a handle has {min} to {max} characters")));
    }
    let ok = handle.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && handle.as_bytes()[0].is_ascii_lowercase();
    if !ok {
        let said = "a handle has letters a to z, digits and underscores, and starts with a letter";
        return Err(bad("handle", "invalid", said));
    }
    if RESERVED_HANDLES.contains(&handle.as_str()) {
        return Err(bad("handle", "reserved", "this handle is kept for the house"));
    }
    Ok(handle)
}

/// What a device calls itself: anything readable, cut where too long.
pub fn device_name(text: Option<&str>, policy: &TextPolicy) -> String {
    let cut: String = text.unwrap_or_default().chars().take(policy.device_name_chars_max * 4).collect();
    let name: String = plain(&cut, false).chars().take(policy.device_name_chars_max).collect();
    if name.is_empty() { "Unnamed device".to_owned() } else { name }
}

/// A handle made of a name, when its letters allow.
pub fn handle_from(display_name: &str, policy: &TextPolicy) -> Option<String> {
    let letters: String = display_name
        .nfkd()
        .filter_map(|c| match c {
            c if c.is_ascii_alphanumeric() => Some(c.to_ascii_lowercase()),
            ' ' | '-' | '_' | '.' => Some('_'),
            _ => None,
        })
        .take(policy.handle_chars_max.saturating_sub(5))
        .collect();
    handle(letters.trim_matches('_'), policy).ok()
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// `user_` and 40 random bits.
pub fn random_handle(bits: u64) -> String {
    let tail = (0..8).map(|i| char::from(ALPHABET[((bits >> (5 * i)) & 31) as usize]));
    format!("user_{}", tail.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> TextPolicy {
        TextPolicy::default()
    }

    #[test]
    fn one_address_has_one_form() {
        for text in ["ada@example.org", " Ada@Example.ORG ", "ＡＤＡ@example.org"] {
            assert_eq!(email(text, &policy()).as_deref(), Ok("ada@example.org"), "{text}");
        }
        assert!(email("zoë@müller.example", &policy()).is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.org", "a".repeat(250));
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "a b@example.org",
            "ada@exa mple.org",
            "ada@@example.org",
            "ada@-example.org",
            "ada@example..org",
            "ada\n@example.org",
            "ada\u{200B}@example.org",
            "<ada@example.org>",
            "a,b@example.org",
            "ada@example.org\0",
            &long,
        ] {
            assert!(email(text, &policy()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_password_needs_ten_characters_of_any_kind() {
        assert_eq!(password("123456789", &policy()).unwrap_err().code, "too_short");
        assert_eq!(password("ÄÖÜäöüß漢字ñ", &policy()), Ok(()));
        assert_eq!(password(&"a".repeat(2_000), &policy()).unwrap_err().code, "too_long");
    }

    #[test]
    fn a_name_is_one_visible_line() {
        assert_eq!(display_name("  Ada \t\n Lovelace ", &policy()).as_deref(), Ok("Ada Lovelace"));
        assert_eq!(display_name("Ada\u{202E}ecalevoL", &policy()).as_deref(), Ok("AdaecalevoL"));
        assert_eq!(display_name("\u{200B}\u{FEFF} ", &policy()).unwrap_err().code, "empty");
        assert!(display_name("👩‍🚀", &policy()).unwrap().contains('\u{200D}'), "emoji joiners stay");
        assert_eq!(display_name(&"x".repeat(51), &policy()).unwrap_err().code, "too_long");
    }

    #[test]
    fn a_bio_keeps_its_lines() {
        assert_eq!(bio("one \r\n two\n", &policy()).as_deref(), Ok("one\ntwo"));
    }

    #[test]
    fn a_handle_has_one_form_and_cannot_pass_for_the_house() {
        assert_eq!(handle("@Ada_99", &policy()).as_deref(), Ok("ada_99"));
        for text in ["ab", "9ada", "_ada", "ada lovelace", "adä", "signal", "Admin", "a".repeat(25).as_str()]
        {
            assert!(handle(text, &policy()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_gives_a_handle_where_it_can() {
        assert_eq!(handle_from("Zoë Müller-Lüdenscheidt", &policy()).as_deref(), Some("zoe_muller_ludensch"));
        assert_eq!(handle_from("漢字", &policy()), None);
        assert_eq!(handle_from("Admin", &policy()), None);
    }

    proptest! {
        #[test]
        fn accepted_texts_are_fixed_points(text in "\\PC{0,80}") {
            if let Ok(once) = display_name(&text, &policy()) {
                prop_assert_eq!(display_name(&once, &policy()), Ok(once.clone()));
            }
            if let Ok(once) = email(&text, &policy()) {
                prop_assert_eq!(email(&once, &policy()), Ok(once.clone()));
            }
            if let Some(handle) = handle_from(&text, &policy()) {
                prop_assert_eq!(super::handle(&handle, &policy()), Ok(handle.clone()));
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let p = policy();
            let _ = (email(&text, &p), display_name(&text, &p), bio(&text, &p), handle(&text, &p));
            prop_assert!(device_name(Some(&text), &p).chars().count() <= p.device_name_chars_max);
        }
    }
}
