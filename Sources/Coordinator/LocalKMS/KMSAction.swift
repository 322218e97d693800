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
  case replicateKey = "TrentService.ReplicateKey"
  case rotateKeyOnDemand = "TrentService.RotateKeyOnDemand"
  case listKeyRotations = "TrentService.ListKeyRotations"
  case getKeyRotationStatus = "TrentService.GetKeyRotationStatus"
  case createRole = "KeyfoldLocalKMS.CreateRole"
  case deleteRole = "KeyfoldLocalKMS.DeleteRole"
  case listRoles = "KeyfoldLocalKMS.ListRoles"
  case setMachine = "KeyfoldLocalKMS.SetMachine"
  case setFault = "KeyfoldLocalKMS.SetFault"
  case clearFaults = "KeyfoldLocalKMS.ClearFaults"
  case listFaults = "KeyfoldLocalKMS.ListFaults"
  case createIdentity = "KeyfoldLocalKMS.CreateIdentity"
  case deleteIdentity = "KeyfoldLocalKMS.DeleteIdentity"
  case listIdentities = "KeyfoldLocalKMS.ListIdentities"
  case listForeignKeys = "KeyfoldLocalKMS.ListForeignKeys"
  case relay = "KeyfoldLocalKMS.Relay"
  case listDenials = "KeyfoldLocalKMS.ListDenials"

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
    case .listKeys, .listAccessKeys, .listIdentities, .listForeignKeys, .listRoles: ["Limit", "Marker"]
    case .createAccessKey: ["DurationSeconds"]
    case .deleteAccessKey: ["AccessKeyId"]
    case .denyAccess, .allowAccess: ["KeyId", "AccessKeyId"]
    case .replicateKey: ["KeyId", "ReplicaRegion", "Description", "Tags", "Policy"]
    case .rotateKeyOnDemand, .getKeyRotationStatus, .listDenials: ["KeyId"]
    case .listKeyRotations: ["KeyId", "Limit", "Marker", "IncludeKeyMaterial"]
    case .createRole: ["Name", "Trusted", "ExternalId"]
    case .deleteRole: ["Name"]
    case .setMachine: ["Role", "Client", "ServiceAccount"]
    case .setFault: ["Kind", "Value", "Dialect", "Client", "Region", "Count", "Seconds"]
    case .clearFaults: ["Number"]
    case .listFaults: []
    case .createIdentity: ["Kind", "Administrator", "Endpoint"]
    case .deleteIdentity: ["Id"]
    case .relay: ["Method", "Target", "Host", "Body"]
    }
  }

  /// The bare name: `Decrypt`.
  var name: String { String(rawValue.split(separator: ".").last ?? "") }
}
