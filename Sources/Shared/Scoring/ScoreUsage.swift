/// What a request cost, in tokens and images, over all its candidates.
package struct ScoreUsage: Codable, Sendable, Equatable {
    /// Tokens of the prompts.
    package var promptTokens: Int
    /// Of them, tokens that were not computed again because the group or a cache shares them.
    package var cachedTokens: Int
    /// Of them, tokens of images.
    package var imageTokens: Int
    /// Images that went through the vision tower.
    package var imagesEncoded: Int
    /// Images whose features were in the cache.
    package var imagesCached: Int

    /// Describes a cost.
    ///
    /// - Parameters:
    ///   - promptTokens: Tokens of the prompts.
    ///   - cachedTokens: Tokens that were shared.
    ///   - imageTokens: Tokens of images.
    ///   - imagesEncoded: Images that went through the vision tower.
    ///   - imagesCached: Images whose features were in the cache.
    package init(
        promptTokens: Int = 0,
        cachedTokens: Int = 0,
        imageTokens: Int = 0,
        imagesEncoded: Int = 0,
        imagesCached: Int = 0
    ) {
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.imageTokens = imageTokens
        self.imagesEncoded = imagesEncoded
        self.imagesCached = imagesCached
    }

    private enum CodingKeys: String, CodingKey {
        case promptTokens = "prompt_tokens"
        case cachedTokens = "cached_tokens"
        case imageTokens = "image_tokens"
        case imagesEncoded = "images_encoded"
        case imagesCached = "images_cached"
    }
}

/// What a request cost, in milliseconds.
package struct ScoreTimings: Codable, Sendable, Equatable {
    /// Waiting for the model.
    package var queue: Double
    /// From the bytes of the images to pixels.
    package var decode: Double
    /// The vision tower.
    package var vision: Double
    /// The language model up to the answer position.
    package var prefill: Double
    /// The output head.
    package var head: Double
    /// From the whole request to the whole reply.
    package var total: Double

    /// Describes times, all in milliseconds.
    ///
    /// - Parameters:
    ///   - queue: Waiting for the model.
    ///   - decode: From bytes to pixels.
    ///   - vision: The vision tower.
    ///   - prefill: The language model.
    ///   - head: The output head.
    ///   - total: The whole request.
    package init(
        queue: Double = 0,
        decode: Double = 0,
        vision: Double = 0,
        prefill: Double = 0,
        head: Double = 0,
        total: Double = 0
    ) {
        self.queue = queue
        self.decode = decode
        self.vision = vision
        self.prefill = prefill
        self.head = head
        self.total = total
    }

    private enum CodingKeys: String, CodingKey {
        case queue = "queue_ms"
        case decode = "decode_ms"
        case vision = "vision_ms"
        case prefill = "prefill_ms"
        case head = "head_ms"
        case total = "total_ms"
    }
}
