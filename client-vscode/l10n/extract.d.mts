export function texts(): string[];
export function bundleText(): string;
export function writtenText(): string;
