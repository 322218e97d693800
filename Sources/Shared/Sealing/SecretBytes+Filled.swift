// SPDX-License-Identifier: GPL-3.0-or-later
package import Secrets

extension SecretBytes {
  /// Makes a secret of the bytes `fill` writes; it answers how many.
  package static func filled(
    capacity: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(SealingError) -> Int
  ) throws(SealingError) -> SecretBytes {
    var failure: SealingError?
    let secret: SecretBytes
    do throws(SecretsError) {
      secret = try SecretBytes(capacity: capacity) { (span) throws(SecretsError) in
        unsafe span.withUnsafeMutableBytes { (target, filled) in
          do throws(SealingError) { filled = try unsafe fill(target) } catch { failure = error }
        }
      }
    } catch { throw .secrets(error) }
    if let failure { throw failure }
    return secret
  }
}
