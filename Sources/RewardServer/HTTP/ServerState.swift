import Shared

/// What every request may ask about without waiting: is there a model, is the server about to stop.
final class ServerState: Sendable {
    /// The server's life.
    enum Phase: Sendable {
        /// The listener is up, the model is not.
        case loading
        /// Everything is up.
        case ready(ServedModel)
        /// The server takes no new work.
        case draining(ServedModel?)
    }

    private struct Contents {
        var phase = Phase.loading
        var activeRequests = 0
        var bufferedBytes = 0
    }

    private let contents = Lock(Contents())

    /// The server's phase.
    var phase: Phase { contents.withLock(\.phase) }

    /// The model, for questions about it; there while draining, too.
    ///
    /// - Throws: ``WireError/loading`` before it is there.
    func model() throws(WireError) -> ServedModel {
        switch phase {
        case .ready(let model), .draining(.some(let model)): model
        case .loading: throw .loading
        case .draining(.none): throw .draining
        }
    }

    /// Says that the model is there; changes nothing once the server drains.
    func becomeReady(_ model: ServedModel) {
        contents.withLock { contents in
            contents.phase = if case .loading = contents.phase { .ready(model) } else { .draining(model) }
        }
    }

    /// Refuses new work from now on.
    func drain() {
        contents.withLock { contents in
            switch contents.phase {
            case .loading: contents.phase = .draining(nil)
            case .ready(let model): contents.phase = .draining(model)
            case .draining: break
            }
        }
    }

    /// Whether the server is about to stop.
    var isDraining: Bool {
        if case .draining = phase { true } else { false }
    }

    /// Requests that are worked on.
    var activeRequests: Int { contents.withLock(\.activeRequests) }

    /// Begins a scoring request, unless the server cannot take it.
    ///
    /// - Parameters:
    ///   - bytes: Bytes that its body may take in memory.
    ///   - limit: Most bytes of all bodies; one request alone is always let in.
    /// - Returns: The model.
    /// - Throws: ``WireError``; without an error, ``endRequest(bytes:)`` must follow.
    func beginRequest(bytes: Int, limit: Int) throws(WireError) -> ServedModel {
        let result: Result<ServedModel, WireError> = contents.withLock { contents in
            switch contents.phase {
            case .loading: return .failure(.loading)
            case .draining: return .failure(.draining)
            case .ready(let model):
                guard contents.bufferedBytes == 0 || contents.bufferedBytes + bytes <= limit else {
                    return .failure(.busyReading)
                }
                contents.bufferedBytes += bytes
                contents.activeRequests += 1
                return .success(model)
            }
        }
        return try result.get()
    }

    /// Ends a scoring request.
    func endRequest(bytes: Int) {
        contents.withLock { contents in
            contents.bufferedBytes -= bytes
            contents.activeRequests -= 1
        }
    }
}
