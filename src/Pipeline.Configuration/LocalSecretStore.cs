using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>Secrets from files and from the configuration itself; no cloud.</summary>
public sealed class LocalSecretStore : ISecretStore
{
    private const string FilePrefix = "secret:file:";

    public async ValueTask<string> RevealAsync(Secret secret, CancellationToken cancellationToken)
    {
        if (!secret.Reference.StartsWith(FilePrefix, StringComparison.Ordinal))
        {
            if (secret.Reference.StartsWith("secret:", StringComparison.Ordinal))
                throw new PipelineException(FaultKind.Invalid, $"Secret {secret.Reference}", "no store for this kind of secret is configured",
                    "Use secret:file:PATH or ${?ENVIRONMENT_VARIABLE}.");
            return secret.Reference;
        }

        var path = secret.Reference[FilePrefix.Length..];
        try
        {
            return (await File.ReadAllTextAsync(path, cancellationToken)).TrimEnd('\r', '\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PipelineException(FaultKind.NotAuthorised, $"Secret {secret.Reference}", "the file cannot be read",
                "Create it or correct the path.", e);
        }
    }
}
