namespace Pipeline.Configuration;

/// <summary>A source of the configuration.</summary>
/// <param name="LeftOutAt">Where it says <c>enabled = false</c>; null: it is read.</param>
public sealed record BoundSource(ISourceDefinition Definition, SourceLocation? LeftOutAt);
