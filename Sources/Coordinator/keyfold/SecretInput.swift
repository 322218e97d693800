// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Secrets

/// Reads a secret from where no other process can see it.
enum SecretInput {
  /// Reads a secret from a private file, or from standard input if `path` is `-`; one line end at its end is left out.
  static func read(
    _ path: String, option: String = "--secret-file", prompt: String
  ) throws(OperatorFailure) -> Secret {
    let limit = OperatorPayload.maximumSecretLength
    do {
      if path != "-" { return Secret(try SecretFile.read(path, limit: limit, trimmingNewline: true)) }
      return Secret(try SecretFile.readStandardInput(prompt: prompt, limit: limit))
    } catch {
      throw OperatorFailure(
        .invalid, what: "The secret can't be read.", why: error.description,
        next: "Give \(option) a file of mode 600, or - for standard input.")
    }
  }
}
