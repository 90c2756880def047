import Foundation

/// Scheme, host and port of an address: who gets what is sent to it.
struct HTTPOrigin: Sendable, Hashable {
    /// `http` or `https`.
    let scheme: String
    /// The host in lower case.
    let host: String
    /// The port, also when it is the scheme's own.
    let port: Int

    /// Reads an address; nil when it is none of http or https, has no host, or carries a user's name.
    init?(_ url: String) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = parts.host?.lowercased(), !host.isEmpty,
            parts.user == nil, parts.password == nil
        else {
            return nil
        }
        self.scheme = scheme
        self.host = host
        port = parts.port ?? (scheme == "https" ? 443 : 80)
    }
}
