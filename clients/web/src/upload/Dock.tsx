export function UploadDock(_: { route: unknown }) { return null; }
