namespace Pipeline.Aws.Secrets;

/// <summary>What is written to Secrets Manager and the Parameter Store, and read of their answers.</summary>
internal static class SecretsWire
{
    public sealed record SecretValueRequest(string SecretId);

    public sealed record SecretValue(string? SecretString, byte[]? SecretBinary);

    public sealed record ParameterRequest(string Name, bool WithDecryption);

    public sealed record ParameterAnswer(ParameterValue? Parameter);

    public sealed record ParameterValue(string? Value);
}
