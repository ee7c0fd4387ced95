using System.Collections.Concurrent;

namespace Pipeline.Delta.Log;

/// <summary>What a commit did, as far as it can be in another's way.</summary>
/// <param name="Metadata">The new metadata; null when it left them.</param>
internal sealed record CommitEffect(bool AddsRows, bool RemovesRows, bool ChangesProtocol, MetadataAction? Metadata)
{
    public static CommitEffect Of(IReadOnlyList<DeltaAction> actions) => new(
        actions.Any(action => action is AddFile { DataChange: true }),
        actions.Any(action => action is RemoveFile { DataChange: true }),
        actions.Any(action => action is ProtocolAction),
        actions.OfType<MetadataAction>().LastOrDefault());
}

/// <summary>The effects of the newest commits read. Safe to use from several threads.</summary>
internal sealed class CommitEffects
{
    private const int Kept = 512;

    private readonly ConcurrentDictionary<long, CommitEffect> _effects = new();

    public CommitEffect? Find(long version) => _effects.GetValueOrDefault(version);

    public void Clear() => _effects.Clear();

    public CommitEffect Add(long version, IReadOnlyList<DeltaAction> actions)
    {
        var effect = CommitEffect.Of(actions);
        _effects[version] = effect;
        _effects.TryRemove(version - Kept, out _);
        return effect;
    }
}
