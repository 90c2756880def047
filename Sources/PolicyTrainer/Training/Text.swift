import Foundation

/// Numbers and columns as people read them.
enum Text {
    /// A number with a fixed count of decimals and a point.
    static func decimal(_ value: Double, _ decimals: Int = 4) -> String {
        String(format: "%.\(decimals)f", value)
    }

    /// A text with spaces behind it up to a width.
    static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
