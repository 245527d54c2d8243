// Whether a page came over a network that others can listen to. Pure.

const isThisMachine = (host: string) => host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);

export const isOpen = ({ protocol, hostname }: { protocol: string; hostname: string }) => protocol === "http:" && !isThisMachine(hostname);
