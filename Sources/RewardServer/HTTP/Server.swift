import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Shared

/// The server's life: listen, load, serve, drain, end.
struct Server: Sendable {
    /// The address to listen on.
    var host: String
    /// The port; 0 takes a free one.
    var port: Int
    /// What clients may ask for.
    var limits: ServerLimits
    /// Longest time that work in flight may take after the first request to stop.
    var shutdownTimeout: Duration
    /// Where the server logs.
    var logger: Logger
    /// Reads the model; runs on the model's own queue.
    var load: @Sendable () throws -> ServedModel
    /// Called once the model is there, with the server's address.
    var onReady: @Sendable (_ url: String, _ model: ServedModel) throws -> Void

    private enum Event {
        case ended
        case loaded
        case drained
        case failed(any Error)
    }

    /// Runs until a signal asks for the end.
    ///
    /// The listener is up before the model is, so that `/healthz` and `/readyz` answer meanwhile. The first SIGTERM or
    /// SIGINT refuses new work and lets the rest finish; the second ends the process at once.
    ///
    /// - Throws: When the address cannot be had, or the model cannot be loaded.
    func run() async throws {
        let state = ServerState()
        let modelHost = ModelHost(rowsOfPass: limits.rowsOfPass)
        let (ports, announcement) = AsyncStream<Int>.makeStream()
        let application = RewardApplication(state: state, limits: limits, host: modelHost, logger: logger)
            .service(host: host, port: port) { announcement.yield($0) }
        var configuration = ServiceGroupConfiguration(services: [application], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(2)
        let services = ServiceGroup(configuration: configuration)
        let signals = ShutdownSignals.first()
        try await withThrowingTaskGroup(of: Event.self) { group in
            group.addTask {
                do {
                    try await services.run()
                } catch  where state.isDraining {
                    logger.warning("work was still in flight at the end", metadata: ["reason": "\(error)"])
                }
                return .ended
            }
            group.addTask {
                guard let port = await ports.first(where: { _ in true }) else { return .loaded }
                logger.info("listening", metadata: ["url": "\(url(port: port))"])
                do {
                    let model = try await modelHost.load(load)
                    state.becomeReady(model)
                    try onReady(url(port: port), model)
                    return .loaded
                } catch {
                    return .failed(error)
                }
            }
            group.addTask {
                for await _ in signals {
                    await drain(state)
                    await services.triggerGracefulShutdown()
                }
                return .drained
            }
            defer { group.cancelAll() }
            var failure: (any Error)?
            loop: while let event = try await group.next() {
                switch event {
                case .ended: break loop
                case .loaded, .drained: continue
                case .failed(let error):
                    failure = error
                    await services.triggerGracefulShutdown()
                }
            }
            if let failure { throw failure }
        }
    }

    /// Refuses new work and waits for the rest, the listener still up.
    private func drain(_ state: ServerState) async {
        state.drain()
        logger.info("draining", metadata: ["in_flight": "\(state.activeRequests)"])
        let end = ContinuousClock.now + shutdownTimeout
        while state.activeRequests > 0, ContinuousClock.now < end, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    private func url(port: Int) -> String {
        "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}
