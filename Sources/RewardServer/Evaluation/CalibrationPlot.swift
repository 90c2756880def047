import Foundation

/// The plot of an evaluation, as an SVG file: ratings over scores, and right orders over the difference of
/// the scores.
struct CalibrationPlot {
    private static let colors = ["#1f6fb4", "#d9691e", "#3a9a4b"]
    private static let side = 300.0
    private static let left = 56.0
    private static let top = 40.0
    private static let width = 380.0
    private static let height = 400.0

    /// One line of a panel, and how many values each of its points stands for.
    private struct Series {
        let name: String
        let points: [(x: Double, y: Double, count: Int)]
    }

    /// The whole file.
    let svg: String

    /// Draws a report.
    ///
    /// - Parameter report: The report; panels that it has no values for are left out.
    init(_ report: EvaluationReport) {
        let ratings = report.readings.compactMap { reading in
            (reading.overall.ratings?.calibration).map {
                Series(name: reading.score.rawValue, points: Self.points(of: $0))
            }
        }
        let orders = report.readings.compactMap { reading in
            reading.overall.pairs.map {
                Series(name: reading.score.rawValue, points: Self.points(of: $0.byDifference))
            }
        }
        var panels: [String] = []
        if !ratings.isEmpty {
            panels.append(
                Self.panel(
                    "Calibration of \(report.model)",
                    across: "score",
                    up: "mean rating",
                    ratings,
                    guide: (0, 1)
                )
            )
        }
        if !orders.isEmpty {
            panels.append(
                Self.panel(
                    "Right orders of \(report.model)",
                    across: "difference of scores",
                    up: "share right",
                    orders,
                    guide: (0.5, 0.5)
                )
            )
        }
        let (width, height) = (Int(Self.width) * panels.count, Int(Self.height))
        let body = panels.enumerated().map { index, panel in
            "<g transform=\"translate(\(index * Int(Self.width)),0)\" font-family=\"sans-serif\" font-size=\"11\">"
                + "\n\(panel)\n</g>"
        }
        svg =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
            + "viewBox=\"0 0 \(width) \(height)\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
            + body.joined(separator: "\n") + "\n</svg>\n"
    }

    private static func points(of table: CalibrationTable) -> [(x: Double, y: Double, count: Int)] {
        table.bins.compactMap { bin in
            guard let score = bin.meanScore, let label = bin.meanLabel else { return nil }
            return (score, label, bin.count)
        }
    }

    /// One square panel of 0...1 by 0...1; `guide` is the height of the dashed line at both ends.
    private static func panel(
        _ title: String,
        across: String,
        up: String,
        _ series: [Series],
        guide: (Double, Double)
    ) -> String {
        func x(_ value: Double) -> String { decimal(left + value * side) }
        func y(_ value: Double) -> String { decimal(top + (1 - value) * side) }
        var parts = [
            "<text x=\"\(x(0))\" y=\"22\" font-size=\"13\" font-weight=\"bold\">\(escaped(title))</text>",
            "<rect x=\"\(x(0))\" y=\"\(y(1))\" width=\"\(side)\" height=\"\(side)\" fill=\"none\" stroke=\"#bbb\"/>",
            "<line x1=\"\(x(0))\" y1=\"\(y(guide.0))\" x2=\"\(x(1))\" y2=\"\(y(guide.1))\" stroke=\"#999\" "
                + "stroke-dasharray=\"4 4\"/>",
            "<text x=\"\(x(0.5))\" y=\"\(decimal(top + side + 30))\" text-anchor=\"middle\">\(across)</text>",
            "<text transform=\"translate(16,\(y(0.5))) rotate(-90)\" text-anchor=\"middle\">\(up)</text>",
        ]
        for tick in [0, 0.25, 0.5, 0.75, 1] {
            parts.append(
                "<text x=\"\(x(tick))\" y=\"\(decimal(top + side + 14))\" text-anchor=\"middle\">\(tick)</text>"
            )
            parts.append(
                "<text x=\"\(decimal(left - 5))\" y=\"\(decimal(top + (1 - tick) * side + 4))\" "
                    + "text-anchor=\"end\">\(tick)</text>"
            )
        }
        let largest = Double(series.flatMap(\.points).map(\.count).max() ?? 1)
        for (index, one) in series.enumerated() {
            let color = colors[index % colors.count]
            let path = one.points.map { "\(x($0.x)),\(y($0.y))" }.joined(separator: " ")
            parts.append(
                "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.5\"/>"
            )
            for point in one.points {
                // The area says how many values the point stands for.
                let radius = decimal(2 + 5 * (Double(point.count) / largest).squareRoot())
                parts.append(
                    "<circle cx=\"\(x(point.x))\" cy=\"\(y(point.y))\" r=\"\(radius)\" fill=\"\(color)\" "
                        + "fill-opacity=\"0.6\"><title>n = \(point.count)</title></circle>"
                )
            }
            parts.append(
                "<text x=\"\(decimal(left + Double(index) * 90))\" y=\"\(decimal(top + side + 48))\" "
                    + "fill=\"\(color)\">\(one.name)</text>"
            )
        }
        return parts.joined(separator: "\n")
    }

    private static func decimal(_ value: Double) -> String {
        String(format: "%.1f", value)
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
