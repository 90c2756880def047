/// What clients may ask of the server.
struct ServerLimits: Sendable, Equatable {
    /// Longest request body, in bytes.
    var maximumBody = 64 << 20
    /// Most candidates in one request.
    var maximumEdits = 64
    /// Most candidates that may wait or be worked on.
    var maximumQueue = 256
    /// Rows of tokens up to which waiting requests share a forward pass.
    var rowsOfPass = 4096
    /// Most bytes of request bodies in memory at once.
    var maximumBufferedBytes = 256 << 20
    /// Longest time in which a body must arrive.
    var bodyTimeout = Duration.seconds(60)
}
