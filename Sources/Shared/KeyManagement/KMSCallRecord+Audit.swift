// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel

extension KeyUse {
  /// What of a request goes into the audit record.
  public init(_ record: KMSCallRecord) {
    let operation: Operation =
      switch record.operation {
      case .wrap: .wrap
      case .unwrap: .unwrap
      case .describe: .describe
      case .configure, .administer: .other
      }
    self.init(
      provider: record.provider, operation: operation, keyID: record.keyID, requestID: record.requestID,
      failure: record.failure?.rawValue, startedAtMilliseconds: record.startedAtMilliseconds)
  }
}
