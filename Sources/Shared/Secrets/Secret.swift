// SPDX-License-Identifier: GPL-3.0-or-later

/// A secret with several holders, for dictionaries and actors; wiped when the last one lets go.
public final class Secret: Sendable {
  private let bytes: SecretBytes

  /// Takes over the bytes.
  public init(_ bytes: consuming SecretBytes) { self.bytes = bytes }

  /// How many bytes the secret has.
  public var count: Int { bytes.count }

  /// Lends the secret itself for the length of `body`.
  public func withSecret<Result: ~Copyable, Failure: Error>(
    _ body: (borrowing SecretBytes) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(bytes)
  }

  /// Lends the bytes for the length of `body`.
  public func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try bytes.withBytes(body)
  }

  /// Whether both hold the same bytes; takes the same time wherever they differ.
  public func isEqual(to other: Secret) -> Bool { bytes.isEqual(to: other.bytes) }
}
