// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// The options that say who asks the KMS.
struct KMSCredentialOptions: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("AWS: the access key's id.", valueName: "id")) var accessKeyID: String?
  @Option(name: .long, help: ArgumentHelp("AWS: the role to assume.", valueName: "arn")) var roleARN: String?
  @Option(name: .long, help: ArgumentHelp("AWS: the external id the role's trust policy demands.", valueName: "id"))
  var externalID: String?
  @Option(name: .long, help: ArgumentHelp("Azure: the tenant's id or domain.", valueName: "tenant")) var tenant: String?
  @Option(name: .long, help: ArgumentHelp("Azure: the application's or identity's client id.", valueName: "id"))
  var clientID: String?
  @Flag(name: .long, help: "Ask as the machine: AWS instance role, Azure managed identity, Google service account.")
  var machineIdentity = false
  @Option(
    name: .long, parsing: .unconditional,
    help: ArgumentHelp(
      "A file with the secret access key, client secret or service account key (JSON), or - for standard input.",
      valueName: "file"))
  var secretFile: String?
  @Option(
    name: .long,
    help: ArgumentHelp(
      """
      Where credentials are issued instead of the provider's own: AWS STS, Microsoft Entra's authority, Google's token \
      endpoint.
      """, valueName: "url"))
  var issuerEndpoint: String?
  @Option(
    name: .long, help: ArgumentHelp("The machine's metadata service instead of the usual address.", valueName: "url"))
  var metadataEndpoint: String?

  /// Whether any of them says who asks.
  var isGiven: Bool {
    accessKeyID != nil || roleARN != nil || tenant != nil || clientID != nil || machineIdentity || secretFile != nil
  }

  /// The credentials for a provider; throws which option is missing or does not belong.
  func credentials(for provider: KMSProvider) throws(OperatorFailure) -> KMSCredentials {
    try checkForeign(provider)
    switch provider {
    case .aws:
      if let roleARN {
        return .awsRole(
          arn: roleARN, externalID: externalID,
          accessKeyID: machineIdentity ? nil : try needed(accessKeyID, "--access-key-id (or --machine-identity)"))
      }
      if machineIdentity { throw Self.missing("--role-arn", "With AWS the machine's own role assumes the role named.") }
      return .awsAccessKey(id: try needed(accessKeyID, "--access-key-id"))
    case .azure:
      if machineIdentity { return .azureManagedIdentity(clientID: clientID) }
      return .azureClientSecret(
        tenant: try needed(tenant, "--tenant (or --machine-identity)"), clientID: try needed(clientID, "--client-id"))
    case .gcp: return machineIdentity ? .googleMetadata : .googleServiceAccount
    }
  }

  /// An option that the chosen credentials would ignore is a mistake of the operator's.
  private func checkForeign(_ provider: KMSProvider) throws(OperatorFailure) {
    var foreign: [(String, Bool)] = []
    if provider != .aws {
      foreign = [("--access-key-id", accessKeyID != nil), ("--role-arn", roleARN != nil)]
    }
    if provider != .azure { foreign += [("--tenant", tenant != nil), ("--client-id", clientID != nil)] }
    if roleARN == nil { foreign.append(("--external-id", externalID != nil)) }
    if machineIdentity {
      foreign += [
        ("--access-key-id", accessKeyID != nil), ("--tenant", tenant != nil), ("--secret-file", secretFile != nil),
      ]
    }
    guard let option = foreign.first(where: \.1)?.0 else { return }
    throw OperatorFailure(
      .invalid, what: "The option \(option) does not go with these credentials.",
      next: "See the forms that there are: keyfold kms set --help")
  }

  private func needed(_ value: String?, _ option: String) throws(OperatorFailure) -> String {
    if let value { return value }
    throw Self.missing(option, "")
  }

  private static func missing(_ option: String, _ why: String) -> OperatorFailure {
    OperatorFailure(
      .invalid, what: "The credentials are not complete.", why: why,
      next: "Give \(option); see the forms that there are: keyfold kms set --help")
  }
}
