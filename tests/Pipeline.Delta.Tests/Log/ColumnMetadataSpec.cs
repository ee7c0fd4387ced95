using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Schemas;

namespace Pipeline.Delta.Tests.Log;

/// <summary>What a table's columns say of themselves beside their types.</summary>
public sealed class ColumnMetadataSpec
{
    [Fact]
    public void A_column_learns_what_it_has_not_said_of_itself_once()
    {
        var table = Schema(("id", Int64Type.Default, null), ("note", StringType.Default, "comment=as typed"));
        var needed = Schema(("id", Int64Type.Default, "role=orders"), ("note", StringType.Default, null));

        var learned = SchemaEvolution.Merge("t", table, needed);

        Assert.Equal("role=orders", Said(learned, "id"));
        Assert.Equal("comment=as typed", Said(learned, "note"));
        Assert.Same(learned, SchemaEvolution.Merge("t", learned, needed));
    }

    [Fact]
    public void What_a_column_says_is_neither_contradicted_nor_forgotten_by_a_writer_of_another_release()
    {
        var table = Schema(("id", Int64Type.Default, "role=orders"));

        Assert.Same(table, SchemaEvolution.Merge("t", table, Schema(("id", Int64Type.Default, "role=splits"))));
        Assert.Same(table, SchemaEvolution.Merge("t", table, Schema(("id", Int64Type.Default, null))));
    }

    [Fact]
    public void A_difference_of_schemas_sees_into_lists_and_into_what_columns_say()
    {
        var list = new ListType(Int64Type.Default);
        var table = Schema(("id", Int64Type.Default, null), ("tags", list, null));
        var wanted = Schema(("id", Int64Type.Default, "role=orders"), ("tags", new ListType(StringType.Default), null), ("at", BronzeColumns.Timestamp, null));

        var difference = SchemaDifference.Of(table, wanted);

        Assert.Equal("new columns at timestamp; other types tags array<long> -> array<string>; columns that now say what they are id", difference.ToString());
        Assert.True(SchemaDifference.Of(wanted, wanted).IsEmpty);
        Assert.True(SchemaDifference.Of(wanted, Schema(("id", Int64Type.Default, null))).IsEmpty);
    }

    [Theory]
    [InlineData("string"), InlineData("long"), InlineData("integer"), InlineData("short"), InlineData("byte"), InlineData("float"), InlineData("double")]
    [InlineData("boolean"), InlineData("binary"), InlineData("date"), InlineData("timestamp"), InlineData("timestamp_ntz"), InlineData("decimal(38,10)")]
    public void The_name_of_a_type_is_read_as_it_is_written(string name) => Assert.Equal(name, LakeType.Name(LakeType.TryParse(name)!));

    [Theory, InlineData("decimal(39,2)"), InlineData("decimal(4,5)"), InlineData("decimal"), InlineData("int"), InlineData("array<long>")]
    public void Other_texts_name_no_type(string text) => Assert.Null(LakeType.TryParse(text));

    private static string Said(Schema schema, string column) => string.Join(' ', schema.GetFieldByName(column).Metadata.Select(entry => $"{entry.Key}={entry.Value}"));

    private static Schema Schema(params (string Name, IArrowType Type, string? Says)[] columns) => new([.. columns.Select(column => new Field(column.Name, column.Type, nullable: true,
        column.Says?.Split('=') is [var key, var value] ? new Dictionary<string, string> { [key] = value } : null))], null);
}
