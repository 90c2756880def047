/// The order in which matrices larger than the memory are used, so that the next ones are read from disk while this one
/// is multiplied.
///
/// Passes go through the order forwards and backwards; which way it goes is seen from the use before.
package final class WeightStream: Sendable {
    /// How many bytes are asked for ahead: a layer of a policy of twelve billion weights, or several smaller ones.
    private static let bytesAhead = 128 << 20

    private struct State {
        var stacks: [[WeightMatrix]] = []
        var last = -1
    }

    private let state = Lock(State())

    /// A stream without matrices.
    package init() {}

    /// Puts matrices at the end of the order.
    ///
    /// - Parameter parts: Matrices that are used together.
    /// - Returns: Their place.
    func append(_ parts: [WeightMatrix]) -> Int {
        state.withLock { state in
            state.stacks.append(parts)
            return state.stacks.count - 1
        }
    }

    /// Notes a use and asks the system to read what comes next; returns before it has done so.
    ///
    /// - Parameter place: The matrices' place.
    func use(_ place: Int) {
        let next = upcoming(after: place)
        for part in state.withLock({ state in next.flatMap { state.stacks[$0] } }) {
            part.prefetchPages()
        }
    }

    /// The places that will be used after one, as far as reading ahead goes.
    ///
    /// - Parameters:
    ///   - place: The place in use.
    ///   - byteCount: How many bytes to go ahead.
    /// - Returns: Places in the order of their use; behind the last one a pass starts anew.
    func upcoming(after place: Int, byteCount: Int = WeightStream.bytesAhead) -> [Int] {
        state.withLock { state in
            let isForward = place >= state.last
            state.last = place
            let count = state.stacks.count
            var (next, left, places) = (place, byteCount, [Int]())
            while left > 0, places.count < count - 1 {
                next += isForward ? 1 : -1
                if next < 0 { break }
                next %= count
                places.append(next)
                left -= state.stacks[next].reduce(0) { $0 + $1.byteCount }
            }
            return places
        }
    }
}
