using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>Secrets from files and from the configuration itself; no cloud.</summary>
public sealed class LocalSecretStore : ISecretStore
{
    private const string AnyPrefix = "secret:";
    private const string FilePrefix = "secret:file:";

    private static readonly string[] Known = [FilePrefix, "secret:aws:", "secret:ssm:"];

    /// <summary>What is wrong with the text of a secret, for a report; null: nothing that can be seen in it.</summary>
    public static string? ProblemOf(string text) =>
        text.StartsWith(AnyPrefix, StringComparison.Ordinal) && !Known.Any(known => text.StartsWith(known, StringComparison.Ordinal) && text.Length > known.Length)
            ? "names no secret. Write secret:file:PATH, secret:aws:NAME (AWS Secrets Manager), secret:ssm:NAME (its Parameter Store) or ${?ENVIRONMENT_VARIABLE}" : null;

    public async ValueTask<string> RevealAsync(Secret secret, CancellationToken cancellationToken)
    {
        if (!secret.Reference.StartsWith(FilePrefix, StringComparison.Ordinal))
        {
            if (secret.Reference.StartsWith(AnyPrefix, StringComparison.Ordinal))
                throw new PipelineException(FaultKind.Invalid, $"Secret {secret.Reference}", "it is of no store that is asked here", "Use secret:file:PATH or ${?ENVIRONMENT_VARIABLE}.");
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
