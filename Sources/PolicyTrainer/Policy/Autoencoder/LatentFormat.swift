import Shared

/// What a policy needs to know of its autoencoder's latents.
struct LatentFormat: Sendable, Equatable {
    /// Channels of a latent pixel.
    let latentChannels: Int
    /// Pixels of one side of the image per latent pixel.
    let spatialFactor: Int
    /// What is subtracted from each channel before the transformer sees it.
    let shifts: [Float]
    /// What each shifted channel is multiplied by.
    let factors: [Float]

    /// `(latent - shift) · factor`, channel by channel: what the transformer sees.
    ///
    /// - Parameter latents: `[…, latentChannels]`.
    /// - Returns: The same shape.
    func normalized(_ latents: Tensor) -> Tensor {
        latents.mappedByColumn { ($1 - shifts[$0]) * factors[$0] }
    }

    /// Undoes ``normalized(_:)``.
    func denormalized(_ latents: Tensor) -> Tensor {
        latents.mappedByColumn { $1 / factors[$0] + shifts[$0] }
    }
}
