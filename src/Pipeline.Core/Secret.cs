namespace Pipeline.Core;

/// <summary>
/// A reference to a secret (<c>secret:file:PATH</c>, <c>secret:aws:NAME</c>, <c>secret:ssm:NAME</c>) or a value that came in through the
/// environment. Its text form never shows the value.
/// </summary>
public sealed class Secret(string reference)
{
    /// <summary>The setting's text: a reference or the value itself. For <see cref="ISecretStore"/> only.</summary>
    public string Reference { get; } = reference;

    public override string ToString() => "***";
}

/// <summary>Turns references into values; asked again at each connection, so that rotation needs no restart.</summary>
public interface ISecretStore
{
    /// <exception cref="PipelineException">The reference leads nowhere.</exception>
    ValueTask<string> RevealAsync(Secret secret, CancellationToken cancellationToken);
}
