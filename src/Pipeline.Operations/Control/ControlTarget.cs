using System.Text.Json.Serialization;
using Pipeline.Core;

namespace Pipeline.Operations.Control;

/// <summary>What a word of an operator is about.</summary>
public enum ControlTargetKind
{
    Table,

    /// <summary>All tables of a configured source.</summary>
    Source,

    /// <summary>What one node of the cluster does.</summary>
    Node,
}

/// <summary>A table, a source or a node. Its text form tells which: <c>silver/users</c>, <c>app</c>, <c>10.0.0.5:4053</c>.</summary>
public sealed record ControlTarget(ControlTargetKind Kind, string Name)
{
    /// <summary>The table; null: it is none.</summary>
    [JsonIgnore]
    public TableId? Table => Kind == ControlTargetKind.Table ? TableId.Parse(Name) : null;

    public static ControlTarget Of(TableId table) => new(ControlTargetKind.Table, table.ToString());

    public static ControlTarget Source(string name) => new(ControlTargetKind.Source, name);

    /// <param name="address">Host name and port, as the cluster knows it.</param>
    public static ControlTarget Node(string address) => new(ControlTargetKind.Node, address);

    /// <exception cref="FormatException"><paramref name="text"/> names none.</exception>
    public static ControlTarget Parse(string text)
    {
        if (text.Contains(':')) return Node(text);
        if (text.Contains('/')) return Of(TableId.Parse(text));
        return text.Length > 0 ? Source(text) : throw new FormatException("'' is no target. Write a table (silver/users), a source (app) or a node (host:port).");
    }

    /// <summary>One that was written down; null: it names none of its kind.</summary>
    internal static ControlTarget? TryOf(ControlTargetKind kind, string name)
    {
        try
        {
            return Parse(name) is var target && target.Kind == kind ? target : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    public override string ToString() => Name;
}
