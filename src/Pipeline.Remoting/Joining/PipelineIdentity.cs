using System.Text.Json;
using Pipeline.Core;
using Pipeline.Remoting.Wire;

namespace Pipeline.Remoting.Joining;

/// <summary>Which pipeline a node belongs to: its name and the id of its lake.</summary>
/// <param name="name">The pipeline's name, as configured.</param>
/// <param name="takesUnnamed">
/// Whether nodes may join that do not say which pipeline they belong to, as those of the release before do: only on loopback,
/// where they can work beside this one.
/// </param>
public sealed class PipelineIdentity(string name, bool takesUnnamed)
{
    private readonly TaskCompletionSource<PipelineException> _refused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _lakeId;

    public string Name { get; } = name;

    /// <summary>Null as long as the lake has not answered: until then nobody joins this node, and it joins nobody.</summary>
    public string? LakeId => _lakeId;

    /// <summary>Why this node must not go on: it asked to join a cluster of another pipeline.</summary>
    public Task<PipelineException> Refused => _refused.Task;

    internal bool TakesUnnamed { get; } = takesUnnamed;

    public void Found(string lakeId) => _lakeId = lakeId;

    internal void Refuse(string cause) => _refused.TrySetResult(new PipelineException(FaultKind.Invalid, "This node", cause,
        "Correct cluster.seed-nodes, or name and lake.location if they are meant to be that pipeline's."));

    /// <summary>What is said when joining.</summary>
    /// <param name="at">The node's address.</param>
    internal byte[] Say(string at) => JsonSerializer.SerializeToUtf8Bytes(new Said(Name, LakeId, at));

    /// <summary>The address that one gives who joins or is joined.</summary>
    internal static string AddressIn(byte[]? said) => said is not null && Parse(said)?.At is { } at ? MessageRefusedException.Shown(at) : "without an address";

    /// <summary>Why one who said this does not belong to us; null: he does.</summary>
    /// <param name="said">Null: nothing.</param>
    internal string? Mismatch(byte[]? said)
    {
        if (said is null) return TakesUnnamed ? null : "does not say which pipeline it belongs to";
        if (Parse(said) is not { Name: { } name } other) return "says nothing that can be read of which pipeline it belongs to";
        if (name != Name) return $"belongs to the pipeline {MessageRefusedException.Shown(name)}, and this node to {Name}";
        if (LakeId is null || other.LakeId is null) return "cannot be compared with this node yet: a lake has not answered";
        return other.LakeId == LakeId ? null : $"writes to the lake {MessageRefusedException.Shown(other.LakeId)} of a pipeline of the same name, and this node to {LakeId}";
    }

    /// <summary>Whether a mismatch may pass.</summary>
    internal bool IsUndecided(byte[]? said) => said is not null && Parse(said) is { } other && other.Name == Name && (LakeId is null || other.LakeId is null);

    private static Said? Parse(byte[] said)
    {
        try
        {
            return JsonSerializer.Deserialize<Said>(said);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record Said(string? Name, string? LakeId, string? At);
}
