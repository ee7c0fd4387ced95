using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Amazon.Runtime.Credentials;

namespace Pipeline.Delta.Storage;

/// <summary>
/// Whom requests are signed for: what was given, or the first that the SDK's chain finds (environment, web identity, profile, container,
/// instance). That they cannot be had is told apart from what the store answers: the SDK uses the same exceptions for both.
/// </summary>
internal sealed class S3Credentials(AWSCredentials? given) : AWSCredentials
{
    /// <summary>One for all stores: what it has found is kept and renewed.</summary>
    private static readonly DefaultAWSCredentialsIdentityResolver Chain = new();

    /// <exception cref="CredentialsException">There are none, or who gives them out does not.</exception>
    public override ImmutableCredentials GetCredentials()
    {
        try
        {
            return (given ?? Chain.ResolveIdentity(null)).GetCredentials();
        }
        catch (Exception e) when (IsOfGiver(e))
        {
            throw new CredentialsException(e);
        }
    }

    /// <inheritdoc cref="GetCredentials"/>
    public override async Task<ImmutableCredentials> GetCredentialsAsync()
    {
        try
        {
            return await (given ?? await Chain.ResolveIdentityAsync(null)).GetCredentialsAsync();
        }
        catch (Exception e) when (IsOfGiver(e))
        {
            throw new CredentialsException(e);
        }
    }

    private static bool IsOfGiver(Exception e) => e is InvalidOperationException or AmazonServiceException or AmazonClientException or HttpRequestException or IOException;
}

/// <summary>A request was not made, as there is nobody to sign it for.</summary>
internal sealed class CredentialsException(Exception cause) : Exception(cause.Message, cause)
{
    /// <summary>Nobody here has any, which does not pass by itself; the SDK says it in words only.</summary>
    public bool AreNone => InnerException is InvalidOperationException or ProfileNotFoundException || Message.StartsWith("Failed to resolve AWS credentials", StringComparison.Ordinal);
}
