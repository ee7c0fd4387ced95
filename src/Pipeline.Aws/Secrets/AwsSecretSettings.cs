namespace Pipeline.Aws.Secrets;

/// <summary>How secrets of AWS are reached, and how old their values may be.</summary>
public sealed record AwsSecretSettings
{
    /// <summary>Where secrets are that are no ARN, which says its own; null: nobody has said it.</summary>
    public string? Region { get; init; }

    /// <summary>Another address of Secrets Manager than its own in the region; null: its own.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Another address of the Parameter Store than its own in the region; null: its own.</summary>
    public Uri? ParametersEndpoint { get; init; }

    /// <summary>The services' addresses with validated cryptography (FIPS 140), where the region has them.</summary>
    public bool UseFips { get; init; }

    /// <summary>How long a value is used before it is read again. Default 1 min.</summary>
    public TimeSpan Refresh { get; init; } = TimeSpan.FromMinutes(1);
}
