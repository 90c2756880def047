import Foundation

/// How much memory the process may still take: the machine's, and what its control groups leave of it.
///
/// Page cache counts as free, in the machine's number by the kernel's own estimate and in a group's by the
/// part of its cache that the kernel would drop first.
///
/// Source: `Documentation/filesystems/proc.rst` (MemAvailable), `Documentation/admin-guide/cgroup-v2.rst`
/// (memory.max, memory.current, memory.stat) and `cgroup-v1/memory.rst` of the Linux kernel.
package struct AvailableMemory: Sendable, Equatable {
    /// What sets the limit, for messages.
    package enum Source: String, Sendable {
        /// The machine itself.
        case machine = "the machine"
        /// A control group.
        case controlGroup = "the container's memory limit"
    }

    /// Bytes that can still be taken.
    package let byteCount: Int
    /// What sets the limit.
    package let source: Source

    /// Memory of a known size.
    package init(byteCount: Int, source: Source) {
        self.byteCount = byteCount
        self.source = source
    }

    /// Reads the limits; `nil` when the system has no /proc.
    ///
    /// - Parameter root: Where /proc and /sys are; `/` but in tests.
    /// - Returns: The smallest of all limits.
    package static func measure(root: String = "/") -> AvailableMemory? {
        let files = SystemFiles(root: root)
        guard let free = files.fields("proc/meminfo")["MemAvailable:"] else { return nil }
        let machine = AvailableMemory(byteCount: free * 1024, source: .machine)
        let groups = files.lines("proc/self/cgroup").flatMap { line -> [Int] in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(
                String.init
            )
            guard parts.count == 3 else { return [] }
            if parts[1].isEmpty {
                return files.leftovers(
                    in: "sys/fs/cgroup",
                    group: parts[2],
                    limit: "memory.max",
                    usage: "memory.current",
                    cache: "inactive_file"
                )
            }
            guard parts[1].split(separator: ",").contains("memory") else { return [] }
            return files.leftovers(
                in: "sys/fs/cgroup/memory",
                group: parts[2],
                limit: "memory.limit_in_bytes",
                usage: "memory.usage_in_bytes",
                cache: "total_inactive_file"
            )
        }
        guard let least = groups.min(), least < machine.byteCount else { return machine }
        return AvailableMemory(byteCount: least, source: .controlGroup)
    }
}

/// Small text files of the kernel.
private struct SystemFiles {
    let root: String

    func lines(_ path: String) -> [String] {
        let path = root + (path.hasPrefix("/") ? path : "/" + path)
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// The first number of every line, by the word before it.
    func fields(_ path: String) -> [String: Int] {
        let pairs = lines(path).compactMap { line -> (String, Int)? in
            let words = line.split(separator: " ")
            guard words.count > 1, let number = Int(words[1]) else { return nil }
            return (String(words[0]), number)
        }
        return Dictionary(pairs) { first, _ in first }
    }

    /// What a group and every group above it leave; a group without a limit says nothing.
    ///
    /// Inside a container the process's path may lie outside of what is mounted; the mount itself is then its
    /// group.
    func leftovers(in mount: String, group: String, limit: String, usage: String, cache: String) -> [Int] {
        var parts = group.split(separator: "/").map(String.init)
        var result: [Int] = []
        while true {
            let folder = ([mount] + parts).joined(separator: "/")
            if let bound = number("\(folder)/\(limit)"), let used = number("\(folder)/\(usage)") {
                let reclaimable = fields("\(folder)/memory.stat")[cache] ?? 0
                result.append(max(0, bound - max(0, used - reclaimable)))
            }
            guard !parts.isEmpty else { return result }
            parts.removeLast()
        }
    }

    /// The number in a file; `nil` for `max` and when there is no such file.
    private func number(_ path: String) -> Int? {
        lines(path).first.flatMap { Int($0.trimmingCharacters(in: .whitespaces)) }
    }
}
