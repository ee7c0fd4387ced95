using Apache.Arrow;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Reading;

/// <summary>
/// The names that columns have in data files and partition values. See PROTOCOL.md, section "Column Mapping"; of its
/// modes only <c>name</c> is read.
/// </summary>
internal sealed class ColumnMapping
{
    private const string PhysicalNameKey = "delta.columnMapping.physicalName";

    private static readonly ColumnMapping None = new(isByName: false);
    private static readonly ColumnMapping ByName = new(isByName: true);

    private readonly bool _isByName;

    private ColumnMapping(bool isByName) => _isByName = isByName;

    public static ColumnMapping Of(MetadataAction metadata) =>
        metadata.Configuration.TryGetValue(TableProperties.ColumnMappingModeKey, out var mode) && mode == "name" ? ByName : None;

    public string NameInFile(Field field) =>
        _isByName && field.HasMetadata && field.Metadata.TryGetValue(PhysicalNameKey, out var name) ? name : field.Name;
}
