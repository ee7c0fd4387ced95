using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Silver;

/// <summary>Writes a contract's expressions for an engine, out of what the dialect table has.</summary>
/// <param name="sourceOf">What a column or member is there, and its type.</param>
internal sealed class ExpressionSql(SqlDialect sql, Func<ColumnExpression.Source, (string Sql, IArrowType Type)> sourceOf)
{
    /// <summary>Room for any long, and for micros of a second.</summary>
    private static readonly Decimal128Type Fine = new(25, 6);

    private static readonly Decimal128Type Hundredths = new(21, 2);

    /// <summary>The expression as a value of a type.</summary>
    public Conversion Of(ColumnExpression expression, IArrowType wanted)
    {
        var (value, type, canFail) = Typed(expression, wanted);
        var conversion = Conversion.Of(sql, value, type, wanted);
        return conversion with { CanFail = canFail || conversion.CanFail };
    }

    private (string Sql, IArrowType Type, bool CanFail) Typed(ColumnExpression expression, IArrowType wanted)
    {
        switch (expression)
        {
            case ColumnExpression.Source source:
                var (found, type) = sourceOf(source);
                return (found, type, false);
            case ColumnExpression.Literal literal:
                return (sql.Text(literal.Text), StringType.Default, false);
        }

        var (function, arguments) = (ColumnExpression.Call)expression;
        switch (function)
        {
            case ColumnFunction.Coalesce:
                var values = arguments.Select(argument => Of(argument, wanted)).ToList();
                return ($"COALESCE({string.Join(", ", values.Select(value => value.Sql))})", wanted, values.Exists(value => value.CanFail));
            case ColumnFunction.Cents:
                var amount = Of(arguments[0], Int64Type.Default);
                return (sql.Call("cents", amount.Sql), Hundredths, amount.CanFail);
            case ColumnFunction.EpochS or ColumnFunction.EpochMs or ColumnFunction.EpochUs:
                var since = Of(arguments[0], Fine);
                return (sql.Call("epoch_time", since.Sql, function switch { ColumnFunction.EpochS => "1000000", ColumnFunction.EpochMs => "1000", _ => "1" }), BronzeColumns.Timestamp, true);
            case ColumnFunction.EpochD:
                var days = Of(arguments[0], Int64Type.Default);
                return (sql.Cast(sql.Call("epoch_time", sql.Cast($"CASE WHEN {days.Sql} BETWEEN -719162 AND 2932896 THEN {days.Sql} * 86400 END", Fine), "1000000"), Date32Type.Default), Date32Type.Default, true);
            case ColumnFunction.Date:
                var day = Of(arguments[0], StringType.Default);
                var forms = arguments.Skip(1).Select(form => OfForm(day.Sql, ((ColumnExpression.Literal)form).Text)).ToList();
                return (forms is [var only] ? only : $"COALESCE({string.Join(", ", forms)})", Date32Type.Default, true);
            case ColumnFunction.InZone:
                var shown = Typed(arguments[0], BronzeColumns.Timestamp);
                var zone = sql.Text(((ColumnExpression.Literal)arguments[1]).Text);
                return (shown.Type is StringType ? sql.Call("parse_timestamp_in", shown.Sql, zone) : sql.Call("in_zone", Conversion.Of(sql, shown.Sql, shown.Type, BronzeColumns.Timestamp).Sql, zone), BronzeColumns.Timestamp, true);
            default:
                var text = Of(arguments[0], StringType.Default);
                return (sql.Call(function switch { ColumnFunction.Trim => "trim_space", ColumnFunction.Lower => "lower_ascii", _ => "upper_ascii" }, text.Sql), StringType.Default, text.CanFail);
        }
    }

    /// <summary>A day of which year, month and day stand where a form has them, and its own characters between.</summary>
    private string OfForm(string text, string form)
    {
        var pattern = $"^{form.Replace(".", "[.]", StringComparison.Ordinal).Replace("yyyy", "[0-9]{4}", StringComparison.Ordinal).Replace("MM", "[0-9]{2}", StringComparison.Ordinal).Replace("dd", "[0-9]{2}", StringComparison.Ordinal)}\\z";
        string Part(string name) => $"substr({text}, {form.IndexOf(name, StringComparison.Ordinal) + 1}, {name.Length})";
        var iso = $"({Part("yyyy")} || '-' || {Part("MM")} || '-' || {Part("dd")})";
        return $"CASE WHEN {sql.Call("regexp_like", text, sql.Text(pattern))} THEN {sql.Call("parse_date", iso)} END";
    }
}
