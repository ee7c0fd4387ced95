namespace Pipeline.Node.Http.Client;

/// <summary>Which node a command asks, and how it shows that it may.</summary>
/// <param name="Url">Null: one of this machine, by its socket.</param>
/// <param name="TokenFile">Null: the token stands in the environment.</param>
/// <param name="CaFile">The authorities whose certificates are believed; null: the system's.</param>
internal sealed record NodeAddress(Uri? Url, string? TokenFile, string? CaFile);
