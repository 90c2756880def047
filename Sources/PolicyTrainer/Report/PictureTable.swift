import Foundation
import Imaging
import Shared

/// A table of pictures with captions, as one PNG.
struct PictureTable: Sendable {
    /// A picture and what stands below it.
    struct Cell: Sendable {
        var picture: PixelImage
        var caption: String
    }

    /// Pictures side by side, and what stands above them.
    struct Row: Sendable {
        var caption: String
        var cells: [Cell]
    }

    /// The rows, from top to bottom.
    var rows: [Row]
    /// Names of the columns, above the first row; none for no line.
    var columns: [String] = []

    private static let margin = 8
    private static let line = 20
    private static let dot = 2

    /// Draws the table; small pictures are enlarged without smoothing.
    var image: PixelImage {
        let pictures = rows.flatMap(\.cells).map(\.picture)
        let side = pictures.map { max($0.width, $0.height) }.max() ?? 1
        // A picture of 48 pixels becomes 288 pixels wide, one of 512 stays as it is.
        let scale = min(6, max(1, 300 / side))
        let cellWidth = side * scale + PictureTable.margin
        let rowHeight = side * scale + 2 * PictureTable.line + PictureTable.margin
        let top = columns.isEmpty ? PictureTable.margin : PictureTable.margin + PictureTable.line
        let columnCount = max(1, rows.map(\.cells.count).max() ?? 1)
        var canvas = Canvas(
            width: PictureTable.margin + columnCount * cellWidth,
            height: top + rows.count * rowHeight
        )
        func write(_ text: String, x: Int, y: Int, width: Int, color: Canvas.Color = .black) {
            let letters = width / (BitmapFont.advance * PictureTable.dot)
            canvas.write(String(text.prefix(letters)), x: x, y: y, scale: PictureTable.dot, color: color)
        }
        for (index, name) in columns.enumerated() {
            let x = PictureTable.margin + index * cellWidth
            write(name, x: x, y: PictureTable.margin, width: cellWidth, color: .grey)
        }
        for (index, row) in rows.enumerated() {
            let y = top + index * rowHeight
            write(row.caption, x: PictureTable.margin, y: y, width: columnCount * cellWidth)
            for (column, cell) in row.cells.enumerated() {
                let x = PictureTable.margin + column * cellWidth
                canvas.draw(cell.picture, x: x, y: y + PictureTable.line, scale: scale)
                write(
                    cell.caption,
                    x: x,
                    y: y + PictureTable.line + side * scale + 3,
                    width: cellWidth,
                    color: .grey
                )
            }
        }
        return canvas.image
    }

    /// Writes the table; the folder is made when missing.
    ///
    /// - Parameter path: The PNG file.
    /// - Throws: What the file system throws.
    func write(to path: String) throws {
        let folder = PathText.folder(of: PathText.absolute(path))
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try AtomicFile.write(Data(try PNGEncoder.encode(image)), to: path)
    }
}
