import Shared

/// The token row of one prompt.
struct Prompt: Sendable {
    /// An image and the tokens that stand for it.
    struct PlacedImage: Sendable {
        let image: PreparedImage
        let range: Range<Int>
    }

    /// Token ids; an image takes as many image tokens as it has merged cells.
    let tokens: [Int]
    /// The images in order.
    let images: [PlacedImage]

    /// Tokens that images take.
    var imageTokenCount: Int { images.reduce(0) { $0 + $1.range.count } }

    /// How many tokens, and the images in them, both prompts begin with.
    func commonPrefix(with other: Prompt) -> Int {
        let length = zip(tokens, other.tokens).prefix { $0 == $1 }.count
        let differing = zip(images, other.images).first {
            $0.range != $1.range || $0.image.contentHash != $1.image.contentHash
        }
        return min(length, differing.map { min($0.range.lowerBound, $1.range.lowerBound) } ?? length)
    }

    /// Identity of the first `count` tokens and of the images in them.
    func identity(ofFirst count: Int) -> ContentHash {
        let ids = tokens.prefix(count).map(String.init).joined(separator: " ")
        let inside = images.filter { $0.range.lowerBound < count }.map {
            "\($0.range.lowerBound) \($0.image.contentHash.hexadecimal)"
        }
        return ContentHash(ids + "\n" + inside.joined(separator: "\n"))
    }
}
