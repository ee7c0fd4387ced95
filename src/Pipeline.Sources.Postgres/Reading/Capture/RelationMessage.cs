using System.Buffers.Binary;
using System.Text;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>A table as the replication stream describes it before the first row after each change of its definition.</summary>
/// <param name="Columns">In the order of the tuples; generated columns are left out by the server.</param>
internal sealed record RelationMessage(uint Oid, string Schema, string Name, IReadOnlyList<(string Name, uint Type, int Modifier)> Columns)
{
    /// <param name="content">The message behind its type byte (manual 55.9, Relation).</param>
    /// <exception cref="Pipeline.Core.PipelineException">It is none.</exception>
    public static RelationMessage Parse(ReadOnlySpan<byte> content)
    {
        try
        {
            return Read(content);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw WireFault.Of("the description of a table", e);
        }
    }

    private static RelationMessage Read(ReadOnlySpan<byte> content)
    {
        var oid = BinaryPrimitives.ReadUInt32BigEndian(content);
        content = content[sizeof(uint)..];
        var schema = Text(ref content);
        var name = Text(ref content);
        // The byte between is the replica identity; tuples tell by themselves what they carry.
        var count = BinaryPrimitives.ReadInt16BigEndian(content[1..]);
        content = content[3..];
        var columns = new (string, uint, int)[count];
        for (var i = 0; i < count; i++)
        {
            content = content[1..];
            var column = Text(ref content);
            columns[i] = (column, BinaryPrimitives.ReadUInt32BigEndian(content), BinaryPrimitives.ReadInt32BigEndian(content[4..]));
            content = content[8..];
        }

        if (!content.IsEmpty) throw new FormatException($"{Plural.Of(content.Length, "byte", "stands", "stand")} behind its columns");

        return new RelationMessage(oid, schema.Length == 0 ? "pg_catalog" : schema, name, columns);
    }

    private static string Text(ref ReadOnlySpan<byte> content)
    {
        var end = content.IndexOf((byte)0);
        var text = Encoding.UTF8.GetString(content[..end]);
        content = content[(end + 1)..];
        return text;
    }
}
