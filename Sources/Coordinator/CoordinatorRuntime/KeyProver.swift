// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import KeyManagement
internal import Secrets

/// Makes the service of KMS settings; production asks the real KMS, tests give their own.
typealias KeyServiceMaker = @Sendable (KMSSettings, Secret?) throws(KMSError) -> any KeyManagementService

/// The coordinator's calls to a customer's KMS: proving settings, and checking the canary. Holds no state and no lock.
struct KeyProver: Sendable {
  /// The canary's length, in bytes.
  static let canaryLength = 32

  /// Makes services of their own, for proofs.
  let makeService: KeyServiceMaker
  /// Gives the service of settings in force, kept from check to check.
  let keptService: KeyServiceMaker
  let deadline: Duration

  init(makeService: @escaping KeyServiceMaker, keptService: KeyServiceMaker? = nil, deadline: Duration) {
    self.makeService = makeService
    self.keptService = keptService ?? makeService
    self.deadline = deadline
  }

  /// Proves that these settings wrap, unwrap and describe; answers the canary for later checks.
  ///
  /// Describing is needed too: some providers say only that the key's state forbids its use, and which it is has to be
  /// asked for.
  func prove(_ settings: KMSSettings, secret: Secret?, project: ProjectName) async throws(OperatorFailure)
    -> WrappedMasterKey
  {
    let context = Self.context(project)
    do throws(KMSError) {
      let service = try makeService(settings, secret)
      let canary = try Self.random()
      let wrapped = try await service.wrap(canary, context: context, deadline: deadline)
      let unwrapped = try await service.unwrap(wrapped, context: context, deadline: deadline)
      guard canary.isEqual(to: unwrapped) else {
        throw KMSError(
          .malformedAnswer, operation: .unwrap, keyID: settings.keyID,
          detail: "the key unwrapped something else than it had wrapped")
      }
      _ = try await service.describe(deadline: deadline)
      return wrapped
    } catch {
      throw Self.failure(error, of: settings.provider, project: project)
    }
  }

  /// Tries what a check does not need: wrapping and describing. Nil if both work; no verdict comes of it.
  func use(_ settings: KMSSettings, secret: Secret?, project: ProjectName) async -> KMSError? {
    do throws(KMSError) {
      let service = try keptService(settings, secret)
      _ = try await service.wrap(try Self.random(), context: Self.context(project), deadline: deadline)
      _ = try await service.describe(deadline: deadline)
      return nil
    } catch { return error }
  }

  /// Unwraps the canary; the verdict decides whether the key lives. Nil if the failure says nothing of the key.
  ///
  /// `elsewhere` is the other region that answered because the key's own is out, nil if its own did.
  /// `renewing` is a check with credentials that are fetched for it, none that were kept.
  func check(
    _ settings: KMSSettings, secret: Secret?, canary: WrappedMasterKey, project: ProjectName, renewing: Bool
  ) async -> (verdict: Verdict?, detail: String, elsewhere: String?) {
    do throws(KMSError) {
      let kept = try keptService(settings, secret)
      let service = renewing ? kept.renewing() : kept
      let plaintext = try await service.unwrap(canary, context: Self.context(project), deadline: deadline)
      guard plaintext.count == Self.canaryLength else {
        return (nil, "the canary has another length than it should", nil)
      }
      return (.valid, "", (service as? FallbackService)?.answeredElsewhere)
    } catch {
      return (error.verdict, error.description, nil)
    }
  }

  private static func context(_ project: ProjectName) -> KeyContext {
    KeyContext(project: project, cluster: nil, node: nil, purpose: .probe)
  }

  private static func random() throws(KMSError) -> SecretBytes {
    do { return try SecretBytes.random(count: canaryLength) } catch {
      throw KMSError(.invalidSettings, operation: .configure, keyID: "", detail: error.description)
    }
  }

  /// What a failed proof means for an operator, with the right that is missing.
  static func failure(_ error: KMSError, of provider: KMSProvider, project: ProjectName) -> OperatorFailure {
    OperatorFailure(
      error.kind == .invalidSettings ? .invalid : .kmsFailed,
      what: "The KMS settings of project \(project) were not changed; those from before stay in force.",
      why: error.description + ".", next: advice(error, of: provider))
  }

  /// The provider's name of the right to do this, nil if it is no single one.
  static func right(to operation: KMSError.Operation, of provider: KMSProvider) -> String? {
    switch (operation, provider) {
    case (.wrap, .aws): "kms:Encrypt"
    case (.wrap, .azure): "keys/wrapKey"
    case (.wrap, .gcp): "cloudkms.cryptoKeyVersions.useToEncrypt"
    case (.unwrap, .aws): "kms:Decrypt"
    case (.unwrap, .azure): "keys/unwrapKey"
    case (.unwrap, .gcp): "cloudkms.cryptoKeyVersions.useToDecrypt"
    case (.describe, .aws): "kms:DescribeKey"
    case (.describe, .azure): "keys/get (with Azure RBAC: keys/read)"
    case (.describe, .gcp): "cloudkms.cryptoKeyVersions.get"
    case (.configure, _), (.administer, _): nil
    }
  }

  static func advice(_ error: KMSError, of provider: KMSProvider) -> String {
    let right = right(to: error.operation, of: provider).map { "\(error.operation.rawValue) (\($0))" } ?? "use it"
    switch error.kind {
    case .accessDenied: return "Give the credentials the right to \(right) with this key, then try again."
    case .credentialsRefused, .credentialsExpired:
      return "Give current credentials; the provider does not take these."
    case .perimeter: return "Let the coordinator's address through the provider's firewall or perimeter."
    case .privateNetwork:
      return
        "Give the endpoint a name or address inside the private ranges (--endpoint, --issuer-endpoint), or declare "
        + "its range with --private-range. Nothing was sent."
    case .keyNotFound: return "Check the key's id and region; in this account and region there is no such key."
    case .keyDisabled: return "Enable the key in the KMS, then try again."
    case .keyPendingDeletion: return "Cancel the key's deletion in the KMS, or name another key."
    case .tls: return "Give the certificate authority of the endpoint with --ca-file."
    case .network, .timeout: return "See whether the coordinator's machine reaches the endpoint."
    case .clockSkew: return "Set the clock of the coordinator's machine."
    case .invalidSettings: return "Correct the settings; the KMS was not asked."
    case .unlisted where error.providerCode == "ValidationException":
      return "Copy the key's ARN from the KMS as it stands there, then try again."
    default: return "Try again; if it goes on, ask the KMS's operators with the request id."
    }
  }
}
