using Pipeline.Sources.Snowflake.Catalog;

namespace Pipeline.Sources.Snowflake.Reading;

/// <summary>Positions as SQL of the watermark column's type. They are numbers of our own making, so they stand in the text of statements.</summary>
internal sealed class TableLiterals(TableShape shape)
{
    public string Of(long position) => shape.Columns[shape.Watermark].Type switch
    {
        "fixed" => position.ToString(),
        var type => $"TO_{type.ToUpperInvariant()}({position}, 6)",
    };
}
