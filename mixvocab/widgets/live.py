"""What the widgets on two vocabularies share: scripts, data, a form for JupyterLab and one for pages."""

from __future__ import annotations

from html import escape
from typing import Any, ClassVar

import anywidget
import traitlets

from mixvocab.common.errors import UserError
from mixvocab.widgets.assets import lab_files
from mixvocab.widgets.element import element


class LiveWidget(anywidget.AnyWidget):
    """A widget that is in step with a kernel in JupyterLab, and alive without one on a page.

    Where the scripts were never fetched and cannot be, it is a table and a line that says so.

    Traits: size, the pieces in the student's vocabulary; vocabularies. Raises `UserError` for a size that these do not
    hold.
    """

    kind: ClassVar[str]  # the folder of its scripts in js/
    config: ClassVar[tuple[str, ...]]  # traits that a page begins with; what is published it reads from there

    size = traitlets.Int().tag(sync=True)
    vocabularies = traitlets.Dict(read_only=True).tag(sync=True)

    def __init__(self, vocabularies: dict[str, Any], **values: Any) -> None:
        """vocabularies: what `mixvocab.widgets.vocabularies.published` made; `values`: of the other traits."""
        try:
            self._esm, self._css = (path.read_text(encoding="utf-8") for path in lab_files(self.kind))
            self._trouble = ""
        except UserError as error:
            self._trouble = str(error)
        self.set_trait("vocabularies", vocabularies)
        super().__init__(**{"size": int(vocabularies["default"]), **values})

    def table_html(self) -> str:
        """What is shown without a script."""
        raise NotImplementedError

    def fallback_html(self) -> str:
        """The same, and why there is no widget, if there should be one."""
        why = f"<p>The widget cannot be shown: {escape(self._trouble)}</p>" if self._trouble else ""
        return self.table_html() + why

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget for JupyterLab, the live element for pages without a kernel."""
        config = {name: getattr(self, name) for name in self.config}
        page = {"text/html": element(self.kind, config, self.fallback_html())}
        if self._trouble:
            return {"text/plain": repr(self), **page}, {}
        widget = super()._repr_mimebundle_(**options)
        assert widget is not None  # it has a view
        return {**widget[0], **page}, widget[1]

    @traitlets.validate("size")
    def _known_size(self, proposal: dict[str, Any]) -> int:
        if str(proposal["value"]) not in self.vocabularies["students"]:
            raise UserError(f"size = {proposal['value']}: choose one of {', '.join(self.vocabularies['sizes'])}")
        return int(proposal["value"])
