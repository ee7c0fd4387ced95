namespace Pipeline.Ingest.Samples;

/// <summary>A record that could not be decoded.</summary>
/// <param name="Code">A short fixed word.</param>
/// <param name="Reason">A sentence of its source.</param>
public sealed record SampledLetter(long Position, string Code, string Reason);
