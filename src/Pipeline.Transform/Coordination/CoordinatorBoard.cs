using Pipeline.Core;

namespace Pipeline.Transform.Coordination;

/// <summary>
/// What a node and the coordinator, where that is on it, let each other know: what operators want held, and how Silver and Gold are.
/// Empty on nodes that do not coordinate. Thread-safe.
/// </summary>
public sealed class CoordinatorBoard(Holds holds)
{
    private volatile MedallionStatus? _status;
    private volatile IReadOnlyDictionary<TableId, DateTimeOffset> _reflected = NothingReflected;

    private static readonly IReadOnlyDictionary<TableId, DateTimeOffset> NothingReflected = new Dictionary<TableId, DateTimeOffset>();

    /// <summary>How the tables are, as of a second ago or less; null: another node coordinates, or none does.</summary>
    public MedallionStatus? Status => _status;

    /// <summary>The moment of its sources that each table of the lake reflects, Bronze too.</summary>
    public IReadOnlyDictionary<TableId, DateTimeOffset> Reflected => _reflected;

    internal HeldWork Held => holds.Work;

    internal void Say(MedallionStatus? status) => _status = status;

    /// <param name="reflected">Null: nobody here knows.</param>
    internal void Say(IReadOnlyDictionary<TableId, DateTimeOffset>? reflected) => _reflected = reflected ?? NothingReflected;
}
