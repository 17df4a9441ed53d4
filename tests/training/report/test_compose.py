"""What a person reads first is true: the honest figure, then what spoils others; and nothing is left out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.training.report.made_up import TABULAR, audio_report, image_report, tabular_report
from tests.training.report.made_up_parts import GENRES, leaks
from tests.training.report.pages import Page, assert_it_needs_nothing
from training.report.accuracy import accuracy_section, accuracy_table
from training.report.compose import compose
from training.report.convergence import convergence_section
from training.report.document import Prose, Table
from training.report.figures import Report
from training.report.headline import cautions, facts, lead
from training.report.markdown import render_markdown
from training.report.page import render_page
from training.report.settings import Setting, cost_row, honest_protocol, settings_of
from training.report.spelling import share

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</td></table></main><h1>gone",
    "$\\frac{x}$ | **bold** `code`",
    "{{ 7 * 7 }}{% raw %}",
    "genre\N{RIGHT-TO-LEFT OVERRIDE}kcor\x07",
)
FEW = TABULAR[0:3:2] + TABULAR[-1:]


def without(report: Report, protocol: str) -> Report:
    rows = tuple(row for row in report.models if row.protocol != protocol)
    return report.model_copy(update={"models": rows})


def test_the_headline_is_the_best_fault_filtered_figure_with_its_interval() -> None:
    report = tabular_report()
    best = max(
        (row for row in report.models if row.protocol == "fault_filtered"),
        key=lambda row: row.track_accuracy or 0.0,
    )
    assert facts(report)[0].figure == share(best.track_accuracy)
    said = lead(report)
    assert best.title in said
    assert "64.7 %" in said
    assert "0.594\N{EN DASH}0.700" in said
    assert "290 test tracks, 5 seeds" in said


def test_the_source_report_s_best_is_of_the_models_that_were_trained() -> None:
    assert "best of these models is 0.93" in facts(tabular_report())[-1].what
    assert "best of these models is 0.78" in facts(image_report())[-1].what
    assert "source report" not in facts(tabular_report(rows=TABULAR[7:8]))[-1].what


def test_the_headline_says_how_far_the_flattering_protocol_is_above() -> None:
    said = lead(tabular_report(rows=TABULAR[2:3]))
    assert "would have claimed 95.7 % for the same model (+37.7 points)" in said


def test_a_random_split_that_tears_no_track_apart_is_not_said_to_do_so() -> None:
    said = lead(image_report())
    assert "artists and copies may be on both sides" in said
    assert "windows of the tracks" not in said


def test_the_model_that_validation_chooses_stands_beside_the_one_that_the_test_flatters() -> None:
    report = tabular_report(rows=FEW)
    models = tuple(
        row.model_copy(update={"track_accuracy": 0.99})
        if (row.name, row.protocol, row.extra) == ("mlp-dropout", "validation", True)
        else row
        for row in report.models
    )
    assert (
        "choose: MLP with dropout fitted with the extra table"
        in facts(report.model_copy(update={"models": models}))[1].what
    )


def test_leaks_come_first_and_a_quick_look_is_not_to_be_quoted() -> None:
    found = cautions(tabular_report(rows=FEW, quick=True))
    assert found[0].grave
    assert "leaks" in found[0].title
    assert found[0].text == leaks()[0].why
    assert "quick look" in found[1].title
    assert [one.title for one in cautions(tabular_report(rows=FEW)) if "quick" in one.title] == []


def test_a_protocol_that_is_found_to_leak_gives_no_headline() -> None:
    report = tabular_report(rows=FEW)
    leak = leaks()[1].model_copy(update={"leaks": True, "why": "3 artists are on both sides."})
    leaky = report.model_copy(update={"leaks": (leak,)})
    assert honest_protocol(report) == "fault_filtered"
    assert honest_protocol(leaky) == "grouped_by_track"
    assert "3 artists are on both sides." in cautions(leaky)[0].text
    nothing = without(without(report, "fault_filtered"), "grouped_by_track")
    assert honest_protocol(nothing) is None
    assert "nothing below says how good" in lead(nothing)
    assert facts(nothing) == ()


def test_a_deliberately_leaky_split_is_never_the_honest_one() -> None:
    report = tabular_report(rows=FEW)
    given = tuple(row.model_copy(update={"protocol": "given"}) for row in report.models[:1])
    leak = leaks()[0].model_copy(update={"protocol": "given"})
    split = report.model_copy(update={"models": given, "leaks": (leak,)})
    assert honest_protocol(split) is None
    assert cautions(split)[0].title == "Given split: this split leaks."


def test_what_could_not_be_computed_says_why_and_shows_no_number() -> None:
    report = audio_report()
    text = render_markdown(compose(report))
    assert "no track of rock is on the test side" in text
    table = accuracy_table(report, [Setting("fault_filtered", extra=False)])
    assert {cell.text for row in table.rows for cell in row[1:]} == {"not computable"}
    assert "No fault-filtered figure." in text


def test_a_small_test_is_said_with_its_standard_error() -> None:
    (said,) = [one.text for one in cautions(audio_report()) if one.title == "A small test."]
    assert said == "38 tracks: one standard error of an accuracy is up to 8.1 points."
    assert [one for one in cautions(tabular_report(rows=FEW)) if one.title == "A small test."] == []


def test_few_seeds_an_inexact_export_and_dropped_rows_are_said() -> None:
    report = image_report()
    assert any("Fewer than 5 seeds" in one.title for one in cautions(report))
    worse = tuple(row.model_copy(update={"onnx_difference": 2e-4}) for row in report.models)
    said = [one.text for one in cautions(report.model_copy(update={"models": worse}))]
    assert any("2.0e-04" in text for text in said)
    assert any("2,113" in one.text for one in cautions(tabular_report(rows=FEW)))


def test_the_source_report_stands_beside_our_random_windows_and_lists_what_is_not_trained() -> None:
    report = tabular_report()
    table = accuracy_table(report, settings_of(report))
    assert [column.name for column in table.columns[:3]] == ["model", "source report", "window"]
    assert table.columns[2].group == "Random windows"
    by_model = {row[0].text: row[1].text for row in table.rows}
    assert by_model["MLP with dropout"] == "0.93"
    assert by_model["Nearest neighbour"] == "\N{EN DASH}"
    said = [part.text for part in accuracy_section(tabular_report(rows=FEW)).parts if isinstance(part, Prose)]
    assert "Inception-v3 on mel images 0.57" in said[0]
    assert "LightGBM on 57 features 0.90" in said[0]
    assert "dropout" not in said[0]


def test_the_best_of_each_column_is_marked() -> None:
    report = tabular_report()
    table = accuracy_table(report, [Setting("fault_filtered", extra=True)])
    marked = [(row[0].text, row[2].text) for row in table.rows if row[2].strong]
    assert marked == [("SVM over whole tracks", "0.647")]


def test_figures_of_other_genres_are_not_held_against_the_source_report() -> None:
    assert "told 10 genres apart" in accuracy_section(audio_report()).intro
    assert "genres apart" not in accuracy_section(image_report()).intro


@pytest.mark.slow
@pytest.mark.parametrize("make", [tabular_report, image_report, audio_report])
def test_every_figure_is_on_the_page_and_in_the_text(make: Callable[[], Report]) -> None:
    report = make()
    document = compose(report)
    page, markdown = Page(render_page(document)).text, render_markdown(document)
    for row in report.models:
        for text in (row.title, share(row.track_accuracy), share(row.window_accuracy), row.note):
            assert text in page
            assert text in markdown.replace("\\", "")
    for step in report.steps:
        assert step.what in page
    assert report.command in page
    assert report.command in markdown
    assert all(genre in page for genre in report.genres)


@pytest.mark.slow
def test_a_page_needs_nothing_beside_it_and_is_the_same_twice() -> None:
    report = tabular_report(rows=FEW)
    text = render_page(compose(report))
    assert_it_needs_nothing(Page(text), text)
    assert len(text) < 400_000
    assert text == render_page(compose(report))


@pytest.mark.slow
def test_names_from_the_data_are_text_on_the_page_and_nothing_else() -> None:
    tame = tabular_report(rows=FEW)
    names = dict(zip(GENRES, HOSTILE, strict=False))
    models = tuple(
        row.model_copy(update={"title": HOSTILE[0], "note": HOSTILE[1]}) if row.name == "mlp-dropout" else row
        for row in tame.models
    )
    data = tuple(part.model_copy(update={"id": HOSTILE[2]}) for part in tame.data)
    hostile = tame.model_copy(
        update={
            "models": models,
            "data": data,
            "genres": tuple(names.get(genre, genre) for genre in GENRES),
            "importance": {
                "mlp-dropout": tame.importance["mlp-dropout"],
                HOSTILE[3]: tame.importance["lightgbm"],
            },
            "command": HOSTILE[4],
            "machine": {HOSTILE[5]: HOSTILE[0]},
        }
    )
    text = render_page(compose(hostile))
    page = Page(text)
    assert page.tags == Page(render_page(compose(tame))).tags
    assert_it_needs_nothing(page, text)
    for name in HOSTILE[:5]:
        assert name in page.text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    markdown = render_markdown(compose(hostile))
    assert "<script" not in markdown
    assert "| **bold**" not in markdown


def test_what_a_model_costs_is_told_of_its_largest_fit_whose_graph_was_timed() -> None:
    report = tabular_report(rows=FEW)
    assert cost_row(report, "mlp-dropout").n_fit == 26_000
    models = tuple(
        row.model_copy(update={"windows_per_second": None}) if row.extra else row for row in report.models
    )
    assert cost_row(report.model_copy(update={"models": models}), "mlp-dropout").n_fit == 6_000


def test_a_run_of_one_protocol_and_a_run_of_nothing_are_laid_out_too() -> None:
    report = tabular_report(rows=FEW[:1])
    one = report.model_copy(
        update={
            "models": tuple(
                row.model_copy(update={"calibration": None})
                for row in report.models
                if (row.protocol, row.extra) == ("fault_filtered", False)
            ),
            "leaks": (),
            "steps": (),
            "importance": {},
        }
    )
    text = render_markdown(compose(one))
    assert "Of tracks by artists that it has never heard" in text
    assert "would have claimed" not in text
    assert "Validation artists" not in text
    nothing = one.model_copy(update={"models": ()})
    assert "nothing below says how good" in render_page(compose(nothing))


def test_few_seeds_are_no_matter_where_choices_are_made_or_nothing_is_drawn() -> None:
    report = image_report()
    chosen = tuple(row.model_copy(update={"protocol": "validation"}) for row in report.models)
    still = tuple(
        row.model_copy(update={"by_seed": (0.5,) * (row.seeds or 0), "seeds": row.seeds})
        for row in report.models
    )
    for models in (chosen, still):
        said = [one.title for one in cautions(report.model_copy(update={"models": models}))]
        assert not any("Fewer than" in title for title in said)


def test_how_losses_fell_is_told_of_models_that_are_fitted_in_passes() -> None:
    report = tabular_report()
    section = convergence_section(report)
    assert section is not None
    (table,) = (part for part in section.parts if isinstance(part, Table))
    assert [row[0].text for row in table.rows] == [
        "MLP as the service runs it",
        "MLP with dropout",
        "MLP, 4 layers",
        "LSTM over the features",
    ]
    by_model = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert by_model["LSTM over the features"] == ["8", "2.300", "0.740", "\N{MINUS SIGN}0.060"]
    trees = report.model_copy(update={"models": tuple(row for row in report.models if not row.losses)})
    assert convergence_section(trees) is None


def test_a_single_pass_has_no_late_change() -> None:
    report = tabular_report(rows=TABULAR[3:4])
    models = tuple(row.model_copy(update={"losses": row.losses[:1]}) for row in report.models)
    section = convergence_section(report.model_copy(update={"models": models}))
    assert section is not None
    (table,) = (part for part in section.parts if isinstance(part, Table))
    assert [cell.text for cell in table.rows[0][1:]] == ["1", "2.300", "2.300", "\N{EN DASH}"]
