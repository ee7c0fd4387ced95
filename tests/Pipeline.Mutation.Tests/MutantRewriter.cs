using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Pipeline.Mutation.Tests;

/// <summary>
/// Puts every mutant of a file into it, each behind its <see cref="MutantSwitch"/>. What is changed is what decides:
/// conditions and their operands, limits, arms and patterns, statements, values that a <c>with</c> sets, elements of lists,
/// fallbacks, arithmetic, first or last, all or any. Texts for people and what is thrown are left alone.
/// </summary>
/// <param name="isWanted">Whether a mutant, by its number, may be put in; those that are no C# cannot.</param>
internal sealed partial class MutantRewriter(SemanticModel model, string file, int firstId, Func<int, bool> isWanted) : CSharpSyntaxRewriter
{
    private const int TextMax = 110;

    /// <summary>What they are told decides nothing.</summary>
    private static readonly HashSet<string> Witnesses = new(["KillPoint", "ILogger", "ILoggingAdapter"], StringComparer.Ordinal);

    private static readonly Dictionary<string, string> Opposites = new(StringComparer.Ordinal)
    {
        ["All"] = "Any", ["Any"] = "All", ["Min"] = "Max", ["Max"] = "Min", ["First"] = "Last", ["Last"] = "First",
        ["FirstOrDefault"] = "LastOrDefault", ["LastOrDefault"] = "FirstOrDefault", ["OrderBy"] = "OrderByDescending",
        ["OrderByDescending"] = "OrderBy", ["ThenBy"] = "ThenByDescending", ["ThenByDescending"] = "ThenBy", ["Order"] = "OrderDescending",
        ["Take"] = "Skip", ["Skip"] = "Take",
    };

    private static readonly Dictionary<SyntaxKind, string> Neighbours = new()
    {
        [SyntaxKind.LessThanExpression] = "<=", [SyntaxKind.LessThanOrEqualExpression] = "<",
        [SyntaxKind.GreaterThanExpression] = ">=", [SyntaxKind.GreaterThanOrEqualExpression] = ">",
        [SyntaxKind.AddExpression] = "-", [SyntaxKind.SubtractExpression] = "+",
        [SyntaxKind.MultiplyExpression] = "/", [SyntaxKind.DivideExpression] = "*", [SyntaxKind.ModuloExpression] = "*",
    };

    private readonly List<Mutant> _found = [];

    public IReadOnlyList<Mutant> Found => _found;

    public override SyntaxNode? Visit(SyntaxNode? node)
    {
        if (node is null || IsLeftAlone(node)) return node;
        var visited = base.Visit(node);
        return node is ExpressionSyntax original && visited is ExpressionSyntax changed ? Change(original, changed) : visited;
    }

    /// <summary>A statement is left out.</summary>
    public override SyntaxNode? VisitExpressionStatement(ExpressionStatementSyntax node)
    {
        var visited = (ExpressionStatementSyntax)base.VisitExpressionStatement(node)!;
        if (TellsWitness(node.Expression)) return visited;
        return Add(node, "is left out", out var id) ? Statement($"{{ if ({MutantSwitch.Off}({id})) {visited} }}") : visited;
    }

    /// <summary>A value is left as it was.</summary>
    public override SyntaxNode? VisitWithExpression(WithExpressionSyntax node)
    {
        var visited = (WithExpressionSyntax)base.VisitWithExpression(node)!;
        if (node.Expression is not (IdentifierNameSyntax or ThisExpressionSyntax)) return visited;
        var values = node.Initializer.Expressions.Zip(visited.Initializer.Expressions, (original, changed) =>
            original is AssignmentExpressionSyntax { Left: IdentifierNameSyntax name } && changed is AssignmentExpressionSyntax assignment
            && Add(original, "is left as it was", out var id)
                ? $"{name} = ({MutantSwitch.On}({id}) ? {node.Expression}.{name} : {assignment.Right})"
                : changed.ToString());
        return Expression($"{node.Expression} with {{ {string.Join(", ", values)} }}", node);
    }

    /// <summary>An element is left out.</summary>
    public override SyntaxNode? VisitCollectionExpression(CollectionExpressionSyntax node)
    {
        var visited = (CollectionExpressionSyntax)base.VisitCollectionExpression(node)!;
        var elements = node.Elements.Zip(visited.Elements, (original, changed) => !Add(original, "is left out", out var id) ? changed.ToString()
            : changed switch
            {
                SpreadElementSyntax spread => $".. ({spread.Expression}).Where(_ => {MutantSwitch.Off}({id}))",
                _ => $".. ({MutantSwitch.On}({id}) ? [] : new[] {{ {changed} }})",
            });
        return Expression($"[{string.Join(", ", elements)}]", node);
    }

    /// <summary>An arm is left out, or its pattern is another.</summary>
    public override SyntaxNode? VisitSwitchExpression(SwitchExpressionSyntax node)
    {
        var visited = (SwitchExpressionSyntax)base.VisitSwitchExpression(node)!;
        var arms = node.Arms.Zip(visited.Arms, (original, changed) =>
        {
            var (labels, guard) = Labels(original, original.Pattern, original.WhenClause, changed.WhenClause, isArm: true);
            return string.Concat(labels.Select(label => $"{label} => {original.Expression},\n")) + $"{original.Pattern}{guard} => {changed.Expression}";
        });
        return Expression($"({visited.GoverningExpression}) switch\n{{\n{string.Join(",\n", arms)}\n}}", node);
    }

    /// <summary>A label is left out, or its pattern is another.</summary>
    public override SyntaxNode? VisitSwitchStatement(SwitchStatementSyntax node)
    {
        var visited = (SwitchStatementSyntax)base.VisitSwitchStatement(node)!;
        var sections = node.Sections.Zip(visited.Sections, (original, changed) => changed.WithLabels(SyntaxFactory.List(
            original.Labels.Zip(changed.Labels, CaseLabels).SelectMany(labels => labels))));
        return visited.WithSections(SyntaxFactory.List(sections));
    }

    private IEnumerable<SwitchLabelSyntax> CaseLabels(SwitchLabelSyntax original, SwitchLabelSyntax changed)
    {
        if (original is DefaultSwitchLabelSyntax) return [changed];
        var pattern = original is CasePatternSwitchLabelSyntax { Pattern: var written } ? written
            : SyntaxFactory.ConstantPattern(((CaseSwitchLabelSyntax)original).Value);
        var (labels, guard) = Labels(original, pattern, (original as CasePatternSwitchLabelSyntax)?.WhenClause, (changed as CasePatternSwitchLabelSyntax)?.WhenClause, isArm: false);
        var text = string.Concat(labels.Append($"{pattern}{guard}").Select(label => $"case {label}:\n"));
        return ((SwitchStatementSyntax)Statement($"switch (0) {{ {text} break; }}")).Sections[0].Labels;
    }

    /// <summary>The labels to be put before an arm, one for each other pattern, and the arm's own guard.</summary>
    private (List<string> Before, string Guard) Labels(SyntaxNode place, PatternSyntax pattern, WhenClauseSyntax? original, WhenClauseSyntax? changed, bool isArm)
    {
        var labels = new List<string>();
        var guards = new List<string>();
        var isCatchAll = original is null && pattern is DiscardPatternSyntax or VarPatternSyntax;
        if (!isCatchAll && Add(place, Text(pattern), isArm ? "arm is left out" : "label is left out", out var removed)) guards.Add($"{MutantSwitch.Off}({removed})");
        foreach (var (part, other, change) in Others(pattern))
        {
            if (!Add(place, Text(part), change, out var id)) continue;
            labels.Add($"{other} when {MutantSwitch.On}({id}){(original is null ? "" : $" && ({original.Condition})")}");
            guards.Add($"{MutantSwitch.Off}({id})");
        }

        if (changed is not null) guards.Add($"({changed.Condition})");
        return (labels, guards.Count == 0 ? "" : $" when {string.Join(" && ", guards)}");
    }

    private ExpressionSyntax Change(ExpressionSyntax original, ExpressionSyntax changed)
    {
        var result = original switch
        {
            BinaryExpressionSyntax binary => Neighbour(binary, changed),
            InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax called } call => Opposite(call, called, changed),
            IsPatternExpressionSyntax match => Pattern(match, changed),
            LiteralExpressionSyntax literal => Literal(literal, changed),
            _ => changed,
        };
        return Condition(original, result);
    }

    /// <summary>Limits are moved by one, arithmetic is turned round, of a value and its fallback one is left.</summary>
    private ExpressionSyntax Neighbour(BinaryExpressionSyntax binary, ExpressionSyntax changed)
    {
        if (binary.IsKind(SyntaxKind.CoalesceExpression) && binary.Right is not ThrowExpressionSyntax)
        {
            if (Add(binary, $"{Text(binary.Right)} alone", out var right)) changed = Choice(right, binary.Right.ToString(), changed, binary);
            return Add(binary, $"{Text(binary.Left)} alone", out var left) ? Choice(left, binary.Left.ToString(), changed, binary) : changed;
        }

        if (!Neighbours.TryGetValue(binary.Kind(), out var other) || model.GetConstantValue(binary).HasValue || IsText(binary)) return changed;
        var text = $"{binary.Left} {other} {binary.Right}";
        return Add(binary, $"with {other}", out var id) ? Choice(id, text, changed, binary) : changed;
    }

    private ExpressionSyntax Opposite(InvocationExpressionSyntax call, MemberAccessExpressionSyntax called, ExpressionSyntax changed) =>
        Opposites.TryGetValue(called.Name.Identifier.Text, out var opposite) && Add(call, Text($"{called.Name}{call.ArgumentList}"), opposite, out var id)
            ? Choice(id, $"{called.Expression}.{opposite}{call.ArgumentList}", changed, call)
            : changed;

    private ExpressionSyntax Pattern(IsPatternExpressionSyntax match, ExpressionSyntax changed)
    {
        foreach (var (part, other, change) in Others(match.Pattern))
            if (Add(part, change, out var id)) changed = Choice(id, $"{match.Expression} is {other}", changed, match);
        return changed;
    }

    /// <summary>An argument that is written out, and an outcome that is.</summary>
    private ExpressionSyntax Literal(LiteralExpressionSyntax literal, ExpressionSyntax changed)
    {
        if (literal.Parent is not (ArgumentSyntax or ReturnStatementSyntax or ArrowExpressionClauseSyntax or LambdaExpressionSyntax or SwitchExpressionArmSyntax)) return changed;
        if (literal.IsKind(SyntaxKind.TrueLiteralExpression) && Add(literal.Parent, "false", out var id)) return Expression($"{MutantSwitch.Off}({id})", literal);
        if (literal.IsKind(SyntaxKind.FalseLiteralExpression) && Add(literal.Parent, "true", out id)) return Expression($"{MutantSwitch.On}({id})", literal);
        // How long a pause is decides nothing.
        if (literal.Parent is ArgumentSyntax { Parent.Parent: InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax { Expression: IdentifierNameSyntax { Identifier.Text: nameof(TimeSpan) } } } }) return changed;
        return literal.Token.Value is int number && Add(literal.Parent, $"{number + 1}", out id) ? Choice(id, $"{number + 1}", changed, literal) : changed;
    }

    /// <summary>
    /// A condition is always met, and never. Of the operands of a chain each is left out, and the first one decides the
    /// chain alone.
    /// </summary>
    private ExpressionSyntax Condition(ExpressionSyntax original, ExpressionSyntax changed)
    {
        if (!IsSimpleCondition(original)) return changed;
        var (outer, isNegated) = Outer(original);
        var (mayBeTrue, mayBeFalse) = (true, true);
        if (outer.Parent is BinaryExpressionSyntax chain && (chain.IsKind(SyntaxKind.LogicalAndExpression) || chain.IsKind(SyntaxKind.LogicalOrExpression)))
        {
            var isLeftOutByTrue = chain.IsKind(SyntaxKind.LogicalAndExpression) != isNegated;
            var decides = Operands(Root(chain), chain.Kind()).First(IsSimpleOperand) == outer;
            (mayBeTrue, mayBeFalse) = (isLeftOutByTrue || decides, !isLeftOutByTrue || decides);
        }

        if (mayBeTrue && Add(original, "always", out var id)) changed = Expression($"(({changed}) || {MutantSwitch.On}({id}))", original);
        if (mayBeFalse && Add(original, "never", out id)) changed = Expression($"(({changed}) && {MutantSwitch.Off}({id}))", original);
        return changed;
    }

    private bool IsSimpleCondition(ExpressionSyntax expression)
    {
        if (expression is ParenthesizedExpressionSyntax or LiteralExpressionSyntax or AssignmentExpressionSyntax or DeclarationExpressionSyntax) return false;
        if (expression is IsPatternExpressionSyntax { Pattern: VarPatternSyntax }) return false;
        if (expression.IsKind(SyntaxKind.LogicalNotExpression) || expression.IsKind(SyntaxKind.LogicalAndExpression) || expression.IsKind(SyntaxKind.LogicalOrExpression)) return false;
        if (model.GetTypeInfo(expression).Type?.SpecialType != SpecialType.System_Boolean) return false;
        var outer = Outer(expression).Outer;
        return outer.Parent switch
        {
            BinaryExpressionSyntax binary => binary.IsKind(SyntaxKind.LogicalAndExpression) || binary.IsKind(SyntaxKind.LogicalOrExpression),
            ConditionalExpressionSyntax choice => choice.Condition == outer && !IsText(choice),
            ArgumentSyntax argument => argument.RefKindKeyword.IsKind(SyntaxKind.None),
            AssignmentExpressionSyntax assignment => assignment.Right == outer,
            IfStatementSyntax or WhileStatementSyntax or DoStatementSyntax or ForStatementSyntax or WhenClauseSyntax or CatchFilterClauseSyntax or LambdaExpressionSyntax
                or ReturnStatementSyntax or ArrowExpressionClauseSyntax or EqualsValueClauseSyntax or SwitchExpressionArmSyntax => true,
            _ => false,
        };
    }

    /// <summary>Other patterns than this one: without an alternative, without a part, with a limit moved by one.</summary>
    private static IEnumerable<(SyntaxNode Part, string Other, string Change)> Others(PatternSyntax pattern)
    {
        foreach (var part in pattern.DescendantNodesAndSelf())
            switch (part)
            {
                case BinaryPatternSyntax binary:
                    if (binary.Right is not BinaryPatternSyntax) yield return (binary.Right, pattern.ReplaceNode(binary, binary.Left).ToString(), "is left out of the pattern");
                    if (binary.Left is not BinaryPatternSyntax) yield return (binary.Left, pattern.ReplaceNode(binary, binary.Right).ToString(), "is left out of the pattern");
                    break;
                case SubpatternSyntax { Parent: PropertyPatternClauseSyntax } property:
                    yield return (property, pattern.RemoveNode(property, SyntaxRemoveOptions.KeepNoTrivia)!.ToString(), "is left out of the pattern");
                    break;
                case RelationalPatternSyntax limit:
                    var other = limit.OperatorToken.Text.EndsWith('=') ? limit.OperatorToken.Text[..^1] : $"{limit.OperatorToken.Text}=";
                    yield return (limit, pattern.ReplaceNode(limit, SyntaxFactory.ParseExpression($"x is {other} {limit.Expression}") is IsPatternExpressionSyntax moved ? moved.Pattern : limit)
                        .ToString(), $"with {other}");
                    break;
            }
    }

    private bool Add(SyntaxNode place, string change, out int id) => Add(place, Text(place), change, out id);

    private bool Add(SyntaxNode place, string original, string change, out int id)
    {
        id = firstId + _found.Count;
        var member = MemberOf(place);
        var occurrence = 1 + _found.Count(mutant => mutant.Member == member && mutant.Original == original && mutant.Change == change);
        _found.Add(new Mutant(id, file, place.GetLocation().GetLineSpan().StartLinePosition.Line + 1, member, original, change, occurrence));
        return isWanted(id);
    }

    /// <summary>An expression with the negations and brackets round it.</summary>
    private static (ExpressionSyntax Outer, bool IsNegated) Outer(ExpressionSyntax expression)
    {
        var isNegated = false;
        while (expression.Parent is ParenthesizedExpressionSyntax || expression.Parent.IsKind(SyntaxKind.LogicalNotExpression))
        {
            isNegated ^= expression.Parent.IsKind(SyntaxKind.LogicalNotExpression);
            expression = (ExpressionSyntax)expression.Parent!;
        }

        return (expression, isNegated);
    }

    private static ExpressionSyntax Root(BinaryExpressionSyntax chain)
    {
        ExpressionSyntax root = chain;
        while (root.Parent is ParenthesizedExpressionSyntax || root.Parent.IsKind(chain.Kind())) root = (ExpressionSyntax)root.Parent!;
        return root;
    }

    private static IEnumerable<ExpressionSyntax> Operands(ExpressionSyntax chain, SyntaxKind kind) => chain switch
    {
        ParenthesizedExpressionSyntax brackets when Inner(brackets).IsKind(kind) => Operands(brackets.Expression, kind),
        BinaryExpressionSyntax binary when binary.IsKind(kind) => Operands(binary.Left, kind).Concat(Operands(binary.Right, kind)),
        _ => [chain],
    };

    private static bool IsSimpleOperand(ExpressionSyntax operand)
    {
        while (operand is ParenthesizedExpressionSyntax || operand.IsKind(SyntaxKind.LogicalNotExpression))
            operand = operand is ParenthesizedExpressionSyntax brackets ? brackets.Expression : ((PrefixUnaryExpressionSyntax)operand).Operand;
        return !operand.IsKind(SyntaxKind.LogicalAndExpression) && !operand.IsKind(SyntaxKind.LogicalOrExpression);
    }

    private static ExpressionSyntax Inner(ExpressionSyntax expression) => expression is ParenthesizedExpressionSyntax brackets ? Inner(brackets.Expression) : expression;

    private bool IsLeftAlone(SyntaxNode node) => node switch
    {
        AttributeListSyntax or PatternSyntax or CaseSwitchLabelSyntax or ThrowStatementSyntax or ThrowExpressionSyntax or InterpolatedStringExpressionSyntax or ParameterListSyntax
            or EnumDeclarationSyntax => true,
        BaseFieldDeclarationSyntax field => field.Modifiers.Any(SyntaxKind.ConstKeyword),
        LocalDeclarationStatementSyntax local => local.IsConst,
        ObjectCreationExpressionSyntax created => model.GetTypeInfo(created).Type is { Name: "Fault" } or { Name: "PipelineException" },
        MethodDeclarationSyntax method => method.Identifier.Text == nameof(ToString),
        _ => false,
    };

    private bool TellsWitness(ExpressionSyntax expression) =>
        expression is InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax called } && model.GetTypeInfo(called.Expression).Type is { } type && Witnesses.Contains(type.Name);

    private bool IsText(ExpressionSyntax expression) => model.GetTypeInfo(expression).Type?.SpecialType == SpecialType.System_String;

    private static ExpressionSyntax Choice(int id, string other, ExpressionSyntax changed, SyntaxNode place) =>
        Expression($"({MutantSwitch.On}({id}) ? {other} : {changed})", place);

    private static ExpressionSyntax Expression(string text, SyntaxNode place) => SyntaxFactory.ParseExpression(text).WithTriviaFrom(place);

    private static StatementSyntax Statement(string text) => SyntaxFactory.ParseStatement($"{text}\n");

    private static string MemberOf(SyntaxNode place)
    {
        var names = place.Ancestors().OfType<MemberDeclarationSyntax>().Select(member => member switch
        {
            BaseTypeDeclarationSyntax type => type.Identifier.Text,
            MethodDeclarationSyntax method => method.Identifier.Text,
            PropertyDeclarationSyntax property => property.Identifier.Text,
            ConstructorDeclarationSyntax => "new",
            FieldDeclarationSyntax field => field.Declaration.Variables[0].Identifier.Text,
            _ => null,
        });
        return string.Join('.', names.OfType<string>().Reverse());
    }

    private static string Text(SyntaxNode node) => Text(node.ToString());

    private static string Text(string code)
    {
        var text = Spaces().Replace(code, " ");
        return text.Length <= TextMax ? text : $"{text[..TextMax]}…";
    }

    /// <summary>With the comments between.</summary>
    [GeneratedRegex(@"(\s+//[^\n]*)*\s+")]
    private static partial Regex Spaces();
}
