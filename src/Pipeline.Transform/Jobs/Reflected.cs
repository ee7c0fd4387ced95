using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Transform.Jobs;

/// <summary>
/// Which version of which table another table reflects: its <c>txn</c> of <c>TABLE#ID</c>, where ID is the other one's
/// <c>metaData.id</c>, so that no version is taken for one of a table that was made anew.
/// </summary>
/// <param name="Id">Null: written by an earlier release, which did not say; whatever table is there then is meant, once.</param>
public readonly record struct Reflected(TableId Table, string? Id, long Version)
{
    /// <summary>The <c>appId</c>.</summary>
    public static string AppId(TableId table, string id) => $"{table}#{id}";

    /// <summary>All that a table reflects. One of each other table, but where that was made anew.</summary>
    public static IEnumerable<Reflected> AllOf(Snapshot made)
    {
        var all = made.Txns.Values.Select(txn => Read(txn.AppId, txn.Version)).OfType<Reflected>().ToList();
        return all.Where(one => one.Id is not null || !all.Exists(other => other.Table == one.Table && other.Id is not null));
    }

    /// <summary>What a table reflects of another that has this id; null: nothing.</summary>
    public static long? Of(Snapshot made, TableId table, string id) =>
        AllOf(made).Where(one => one.Table == table && (one.Id is null || one.Id == id)).Select(one => (long?)one.Version).FirstOrDefault();

    /// <summary>Whether it reflects one of that name, and only others than this.</summary>
    public static bool IsOfAnother(Snapshot made, TableId table, string id) => Of(made, table, id) is null && AllOf(made).Any(one => one.Table == table);

    private static Reflected? Read(string appId, long version)
    {
        var hash = appId.IndexOf('#', StringComparison.Ordinal);
        var name = hash < 0 ? appId : appId[..hash];
        return Layers.Any(layer => name.StartsWith(layer, StringComparison.Ordinal)) ? new Reflected(TableId.Parse(name), hash < 0 ? null : appId[(hash + 1)..], version) : null;
    }

    private static readonly string[] Layers = ["bronze/", "silver/", "gold/"];
}
