// SPDX-License-Identifier: GPL-3.0-or-later

/// What a signature's key is good for: one day, one region, one service (AWS IAM user guide, "Create a signature").
package struct SignatureScope: Sendable, Equatable {
  /// The day, `YYYYMMDD`.
  package let date: String
  /// The region.
  package let region: String
  /// The service, `kms` here.
  package let service: String

  /// Makes a scope of its parts.
  package init(date: String, region: String, service: String) {
    self.date = date
    self.region = region
    self.service = service
  }

  /// The scope as it stands in a credential and in the string to sign.
  package var text: String { "\(date)/\(region)/\(service)/aws4_request" }
}
