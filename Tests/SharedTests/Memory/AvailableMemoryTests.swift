import Foundation
import TestSupport
import Testing

@testable import Shared

@Suite struct AvailableMemoryTests {
    /// A machine of 8 GiB free memory with some more files.
    private func machine(_ files: [String: String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let all = files.merging([
            "proc/meminfo":
                "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n"
        ]) { first, _ in first }
        for (path, text) in all {
            let url = folder.url.appending(path: path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: url)
        }
        return folder
    }

    private static let gibibyte = 1 << 30

    @Test("without control groups it is what the kernel calls available")
    func plain() throws {
        let machine = try machine([:])
        let found = AvailableMemory.measure(root: machine.path)
        #expect(found == AvailableMemory(byteCount: 8 * Self.gibibyte, source: .machine))
    }

    @Test("the least limit of a group and those above it counts, reclaimable cache as free (v2)")
    func version2() throws {
        let machine = try machine([
            "proc/self/cgroup": "0::/outer/inner\n",
            "sys/fs/cgroup/outer/inner/memory.max": "max\n",
            "sys/fs/cgroup/outer/inner/memory.current": "1073741824\n",
            "sys/fs/cgroup/outer/memory.max": "4294967296\n",
            "sys/fs/cgroup/outer/memory.current": "3221225472\n",
            "sys/fs/cgroup/outer/memory.stat": "anon 5\ninactive_file 1073741824\n",
        ])
        let found = AvailableMemory.measure(root: machine.path)
        #expect(found == AvailableMemory(byteCount: 2 * Self.gibibyte, source: .controlGroup))
    }

    @Test("inside a container the mount itself is the group")
    func mount() throws {
        let machine = try machine([
            "proc/self/cgroup": "0::/../../pod\n",
            "sys/fs/cgroup/memory.max": "2147483648\n",
            "sys/fs/cgroup/memory.current": "1073741824\n",
        ])
        let found = AvailableMemory.measure(root: machine.path)
        #expect(found == AvailableMemory(byteCount: Self.gibibyte, source: .controlGroup))
    }

    @Test("the memory controller of version 1 is found among the others")
    func version1() throws {
        let machine = try machine([
            "proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/a\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "3221225472\n",
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "1073741824\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "1073741824\n",
        ])
        let found = AvailableMemory.measure(root: machine.path)
        #expect(found == AvailableMemory(byteCount: 2 * Self.gibibyte, source: .controlGroup))
    }

    @Test("a group that allows more than there is changes nothing; no /proc says nothing")
    func irrelevant() throws {
        let machine = try machine([
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "99999999999\n",
            "sys/fs/cgroup/memory.current": "0\n",
        ])
        #expect(AvailableMemory.measure(root: machine.path)?.source == .machine)
        #expect(AvailableMemory.measure(root: "/nowhere") == nil)
        #expect(AvailableMemory.measure() != nil)
    }
}
