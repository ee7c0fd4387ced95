using Pipeline.Configuration;

namespace Pipeline.Operations.Options;

/// <summary>The target that a command is for.</summary>
/// <param name="Production">The pipeline's own lake, which is read and never written.</param>
/// <param name="Sources">From which tables are sampled that are not in that lake; they are looked at alone.</param>
public sealed record ChosenTarget(string Name, int SampleRows, LakeOptions Production, IReadOnlyList<ISourceDefinition> Sources);
