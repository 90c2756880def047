import Foundation

/// Numbers of bytes for people.
package enum ByteText {
    /// `12.34 GiB`; MiB below a hundredth.
    package static func gibibytes(_ count: Int) -> String {
        let mebibytes = Double(count) / Double(1 << 20)
        return mebibytes < 10.24
            ? String(format: "%.1f MiB", mebibytes) : String(format: "%.2f GiB", mebibytes / 1024)
    }
}
