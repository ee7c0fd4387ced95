using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;

namespace Pipeline.Delta.Reading;

/// <summary>A column of a file that does not become the table's.</summary>
/// <param name="InFile">Its type there.</param>
/// <param name="InSchema">The table's; null: the table does not have the column.</param>
public sealed record ColumnDifference(string Column, string InFile, string? InSchema);

/// <summary>What a data file says of itself beside what the log says of it. No value is read.</summary>
/// <param name="Difference">The first column that differs; null: none does.</param>
/// <param name="WrongBounds">The first column whose bounds or nulls in the log leave out what the file holds; null: none does.</param>
public sealed record FileCheck(long Rows, ColumnDifference? Difference, string? WrongBounds)
{
    /// <exception cref="PipelineException">The file is missing or none of Parquet.</exception>
    public static async ValueTask<FileCheck> OfAsync(DeltaTable table, Snapshot snapshot, AddFile file, CancellationToken cancellationToken)
    {
        var path = Table.TableFilePath.In(table.Store, table.Path, file.Path);
        var footer = await ParquetFooter.ReadAsync(table.Store, path, $"a data file of table {table.Path}", snapshot.Schema.FieldsList, snapshot, cancellationToken);
        return new FileCheck(footer.Rows, DifferenceOf(snapshot, footer), WrongBoundsOf(snapshot, file, footer));
    }

    private static ColumnDifference? DifferenceOf(Snapshot snapshot, ParquetFooter footer)
    {
        var mapping = ColumnMapping.Of(snapshot.Metadata);
        var fields = snapshot.Schema.FieldsList.Where(field => !snapshot.Metadata.PartitionColumns.Contains(field.Name, StringComparer.Ordinal))
            .ToDictionary(mapping.NameInFile, StringComparer.Ordinal);
        foreach (var column in footer.Columns)
        {
            if (snapshot.Metadata.PartitionColumns.Contains(column.Name, StringComparer.Ordinal)) continue;
            if (!fields.TryGetValue(column.Name, out var field)) return new ColumnDifference(column.Name, LakeType.Name(column.DataType), InSchema: null);
            if (!Becomes(column.DataType, field)) return new ColumnDifference(column.Name, LakeType.Name(column.DataType), LakeType.Name(field.DataType));
        }

        return null;
    }

    /// <summary>By the way that its rows would be read.</summary>
    private static bool Becomes(IArrowType inFile, Field field)
    {
        // Names inside of a mapped column are not the table's: they are told apart when rows are read.
        if (field.DataType is NestedType) return inFile is NestedType;
        if (LakeType.Name(inFile) == LakeType.Name(field.DataType)) return true;
        return inFile is FixedWidthType or StringType or BinaryType && ColumnCast.To(NullArrays.Create(inFile, 0).Data, field.DataType) is not null;
    }

    /// <summary>Bounds that are wider than the values do no harm; narrower ones hide rows.</summary>
    private static string? WrongBoundsOf(Snapshot snapshot, AddFile file, ParquetFooter footer)
    {
        if (file.Stats is null) return null;
        foreach (var field in snapshot.Schema.FieldsList)
        {
            if (Statistics.NullCount(file.Stats, field.Name) is { } nulls && Statistics.NullCount(footer.Stats, field.Name) is { } there && nulls != there) return field.Name;
            if (field.DataType is not (Int8Type or Int16Type or Int32Type or Int64Type)) continue;
            if (Statistics.Bounds(file.Stats, field.Name) is var (low, high) && Statistics.Bounds(footer.Stats, field.Name) is var (least, greatest) && (low > least || high < greatest)) return field.Name;
        }

        return null;
    }
}
