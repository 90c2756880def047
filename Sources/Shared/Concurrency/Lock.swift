import Foundation

/// A value behind a mutex, for state that synchronous code of several threads shares.
///
/// `@unchecked Sendable` is sound because the value is reached only inside ``withLock(_:)``.
package final class Lock<Value>: @unchecked Sendable {
    private let mutex = NSLock()
    private var value: Value

    /// Wraps a value.
    package init(_ value: sending Value) {
        self.value = value
    }

    /// Runs `body` with exclusive access to the value.
    package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        mutex.lock()
        defer { mutex.unlock() }
        return try body(&value)
    }
}
