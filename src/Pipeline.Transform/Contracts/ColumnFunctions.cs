using System.Text.RegularExpressions;

namespace Pipeline.Transform.Contracts;

/// <summary>Names and arguments of <see cref="ColumnFunction"/>.</summary>
internal static partial class ColumnFunctions
{
    private static readonly Dictionary<ColumnFunction, string> ByFunction = Enum.GetValues<ColumnFunction>().ToDictionary(function => function, function => function switch
    {
        ColumnFunction.EpochS => "epoch_s",
        ColumnFunction.EpochMs => "epoch_ms",
        ColumnFunction.EpochUs => "epoch_us",
        ColumnFunction.EpochD => "epoch_d",
        ColumnFunction.InZone => "in_zone",
        _ => function.ToString().ToLowerInvariant(),
    });

    public static IReadOnlyList<string> Names { get; } = [.. ByFunction.Values, "path"];

    public static string NameOf(ColumnFunction function) => ByFunction[function];

    /// <summary>What is wrong with the arguments; null: nothing.</summary>
    public static string? FaultOf(ColumnFunction function, IReadOnlyList<ColumnExpression> arguments) => function switch
    {
        ColumnFunction.Coalesce => arguments.Count >= 2 ? null : "coalesce takes two values or more",
        ColumnFunction.Date => arguments.Count >= 2 && arguments.Skip(1).All(form => form is ColumnExpression.Literal { Text: var text } && IsForm(text))
            ? null : "date takes a text and its forms: date(day, 'dd.MM.yyyy', 'yyyy-MM-dd')",
        ColumnFunction.InZone => arguments is [_, ColumnExpression.Literal { Text: var zone }] && Zone().IsMatch(zone)
            ? null : "in_zone takes a time and the zone that it is of: in_zone(created_at, 'Europe/Berlin')",
        _ => arguments.Count == 1 ? null : $"{NameOf(function)} takes one value",
    };

    /// <summary>The zones that an expression names.</summary>
    public static IEnumerable<string> ZonesOf(ColumnExpression? expression) => expression is not ColumnExpression.Call call ? []
        : call.Arguments.SelectMany(ZonesOf).Concat(call.Function == ColumnFunction.InZone ? [((ColumnExpression.Literal)call.Arguments[1]).Text] : []);

    private static bool IsForm(string form) =>
        Form().IsMatch(form) && form.Contains("yyyy", StringComparison.Ordinal) && form.Contains("MM", StringComparison.Ordinal) && form.Contains("dd", StringComparison.Ordinal);

    [GeneratedRegex(@"^(?:(?:yyyy|MM|dd)[-./ ]?){3}\z")]
    private static partial Regex Form();

    /// <summary>A name with its region, which every engine has; of three letters each knows others.</summary>
    [GeneratedRegex(@"^(?:UTC|(?!SystemV/)[A-Za-z]+(?:/[A-Za-z0-9_+-]+){1,2})\z")]
    private static partial Regex Zone();
}
