import Foundation

/// What memory this process holds and held.
///
/// Source: `Documentation/filesystems/proc.rst` (VmRSS, VmHWM, clear_refs) of the Linux kernel.
package enum ProcessMemory {
    /// Bytes now; 0 when the system has no /proc.
    package static var residentByteCount: Int { byteCount("VmRSS:") }

    /// Bytes at the peak; 0 when the system has no /proc.
    package static var peakByteCount: Int { byteCount("VmHWM:") }

    /// Begins to look for the peak anew; the old peak stays where the system does not allow that.
    package static func resetPeak() {
        try? Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))
    }

    private static func byteCount(_ field: String) -> Int {
        let status = FileManager.default.contents(atPath: "/proc/self/status") ?? Data()
        let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix(field)
        }
        return line.flatMap { $0.split(whereSeparator: \.isWhitespace).dropFirst().first }
            .flatMap { Int($0) }.map { $0 << 10 } ?? 0
    }
}
