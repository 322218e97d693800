// SPDX-License-Identifier: GPL-3.0-or-later

/// What the local KMS can be asked: AWS KMS's actions, and its own for access keys.
enum KMSAction: String, Sendable, CaseIterable {
  case createKey = "TrentService.CreateKey"
  case encrypt = "TrentService.Encrypt"
  case decrypt = "TrentService.Decrypt"
  case generateDataKey = "TrentService.GenerateDataKey"
  case describeKey = "TrentService.DescribeKey"
  case enableKey = "TrentService.EnableKey"
  case disableKey = "TrentService.DisableKey"
  case scheduleKeyDeletion = "TrentService.ScheduleKeyDeletion"
  case cancelKeyDeletion = "TrentService.CancelKeyDeletion"
  case listKeys = "TrentService.ListKeys"
  case createAccessKey = "KeyfoldLocalKMS.CreateAccessKey"
  case deleteAccessKey = "KeyfoldLocalKMS.DeleteAccessKey"
  case listAccessKeys = "KeyfoldLocalKMS.ListAccessKeys"
  case denyAccess = "KeyfoldLocalKMS.DenyAccess"
  case allowAccess = "KeyfoldLocalKMS.AllowAccess"

  /// What a policy tells apart.
  enum Group: Sendable { case use, describe, administer }

  /// The group of an action.
  var group: Group {
    switch self {
    case .encrypt, .decrypt, .generateDataKey: .use
    case .describeKey: .describe
    default: .administer
    }
  }

  /// The members of its request that are understood; any other is refused, none is ignored.
  var members: Set<String> {
    switch self {
    case .createKey:
      ["Description", "KeyUsage", "KeySpec", "CustomerMasterKeySpec", "Origin", "MultiRegion", "Tags"]
    case .encrypt: ["KeyId", "Plaintext", "EncryptionContext", "EncryptionAlgorithm", "GrantTokens"]
    case .decrypt: ["KeyId", "CiphertextBlob", "EncryptionContext", "EncryptionAlgorithm", "GrantTokens"]
    case .generateDataKey: ["KeyId", "KeySpec", "NumberOfBytes", "EncryptionContext", "GrantTokens"]
    case .describeKey: ["KeyId", "GrantTokens"]
    case .enableKey, .disableKey, .cancelKeyDeletion: ["KeyId"]
    case .scheduleKeyDeletion: ["KeyId", "PendingWindowInDays"]
    case .listKeys, .listAccessKeys: ["Limit", "Marker"]
    case .createAccessKey: ["DurationSeconds"]
    case .deleteAccessKey: ["AccessKeyId"]
    case .denyAccess, .allowAccess: ["KeyId", "AccessKeyId"]
    }
  }

  /// The bare name: `Decrypt`.
  var name: String { String(rawValue.split(separator: ".").last ?? "") }
}
