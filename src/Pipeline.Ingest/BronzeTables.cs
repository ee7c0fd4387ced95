using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Schemas;

namespace Pipeline.Ingest;

/// <summary>A Bronze table that can be written.</summary>
/// <param name="FileSchema">Columns of its data files: the source's and <c>_ingested_at</c>.</param>
/// <param name="LakeId">Which lake it is in.</param>
/// <param name="AddedSchema">The table's schema as Arrow IPC when it has to learn columns from our files, or what its columns mean; null otherwise.</param>
public sealed record BronzeTable(TableId Id, DeltaTable Delta, Schema FileSchema, string LakeId, byte[]? AddedSchema)
{
    /// <summary>What a row that says that it carries all carries, where the table has columns that its source has not (any more); null: all.</summary>
    public string? Carried { get; private init; }

    private const string HowToFit = "Let the source have the column as the lake has it. Or take it under another name in the lake, by 'rename', or leave it out, by 'omit', below the table in a source that has these settings; or read the table under another name.";

    private static readonly ImmutableDictionary<string, string> Properties = ImmutableDictionary<string, string>.Empty
        // Commits come every few seconds: a checkpoint every tenth would write more than the commits do.
        .Add("delta.checkpointInterval", "50");

    /// <summary>Opens the table, or makes it for a source of this schema (its columns, <c>_op</c>, <c>_position</c>).</summary>
    /// <exception cref="PipelineException">The table's schema and the source's contradict each other.</exception>
    public static async ValueTask<BronzeTable> OpenAsync(Lake lake, TableId id, Schema sourceSchema, CancellationToken cancellationToken)
    {
        var wanted = BronzeColumns.TableSchema(sourceSchema);
        var delta = await lake.OpenOrCreateAsync(id, wanted, [BronzeColumns.IngestDate], Properties, cancellationToken);
        RequireFit(delta, wanted);
        return new BronzeTable(id, delta, new Schema([.. sourceSchema.FieldsList, BronzeColumns.IngestedAtField], null), await lake.IdAsync(cancellationToken),
            SchemaDifference.Of(delta.Current.Schema, wanted).IsEmpty ? null : ToIpc(wanted)) { Carried = CarriedOf(sourceSchema, delta.Current.Schema) };
    }

    /// <summary>What opening the table for a source of this schema would be refused with, asked without making it; null: nothing.</summary>
    public static async ValueTask<PipelineException?> FaultOfAsync(Lake lake, TableId id, Schema sourceSchema, CancellationToken cancellationToken)
    {
        try
        {
            if (await lake.TryOpenAsync(id, cancellationToken) is { } table) RequireFit(table, BronzeColumns.TableSchema(sourceSchema));
            return null;
        }
        catch (PipelineException fault)
        {
            return fault;
        }
    }

    /// <summary>No type of a column changes, and no two columns differ by case alone.</summary>
    private static void RequireFit(DeltaTable table, Schema wanted)
    {
        try
        {
            table.SchemaWith(wanted);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Invalid)
        {
            throw new PipelineException(e.Kind, e.Thing, e.Cause, HowToFit, e) { IsOfTable = true };
        }
    }

    private static string? CarriedOf(Schema source, Schema table)
    {
        static IEnumerable<string> Named(Schema schema) => schema.FieldsList.Select(field => field.Name).Where(name => !BronzeColumns.IsOwn(name));
        return BronzeShape.Of(source).Document is not null || !Named(table).Except(Named(source), StringComparer.OrdinalIgnoreCase).Any() ? null : string.Join(',', Named(source));
    }

    /// <summary>The table with one more column in its data files, which it learns from the first of them.</summary>
    public BronzeTable With(Field column)
    {
        if (FileSchema.GetFieldIndex(column.Name) >= 0) return this;
        var files = new Schema([.. FileSchema.FieldsList, column], null);
        var wanted = new Schema([.. files.FieldsList, BronzeColumns.IngestDateField], null);
        return this with { FileSchema = files, AddedSchema = SchemaDifference.Of(Delta.Current.Schema, wanted).IsEmpty ? null : ToIpc(wanted) };
    }

    /// <summary>The schema that <see cref="AddedSchema"/> carries.</summary>
    public static Schema FromIpc(byte[] ipc)
    {
        using var reader = new ArrowStreamReader(new MemoryStream(ipc));
        return reader.Schema;
    }

    private static byte[] ToIpc(Schema schema)
    {
        using var stream = new MemoryStream();
        using var writer = new ArrowStreamWriter(stream, schema, leaveOpen: true);
        writer.WriteStart();
        writer.WriteEnd();
        return stream.ToArray();
    }
}
