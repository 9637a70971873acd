"""Sources before and after their migration: the promise, line by line."""

from __future__ import annotations

#: Name of the case -> source, migrated source.
IMPORTS: dict[str, tuple[str, str]] = {
    "module": (
        "import azureml.core\nprint(azureml.core.VERSION)\n",
        "from engine import azureml\nimport engine.azureml.core\nprint(azureml.core.VERSION)\n",
    ),
    "root": ("import azureml\n", "from engine import azureml\n"),
    "root with alias": ("import azureml as az\n", "from engine import azureml as az\n"),
    "module with alias": (
        "import azureml.core as c\nc.VERSION\n",
        "import engine.azureml.core as c\nc.VERSION\n",
    ),
    "from root": ("from azureml import core\n", "from engine.azureml import core\n"),
    "from module": (
        "from azureml.core.experiment import Experiment as E, x\n",
        "from engine.azureml.core.experiment import Experiment as E, x\n",
    ),
    "star": ("from azureml.core import *\n", "from engine.azureml.core import *\n"),
    "parentheses": (
        "from azureml.core import (  # names\n    Workspace,\n    Run,  # a run\n)\n",
        "from engine.azureml.core import (  # names\n    Workspace,\n    Run,  # a run\n)\n",
    ),
    "with others": (
        "import os, azureml.core, sys as s  # all\n",
        "import os, sys as s\nfrom engine import azureml\nimport engine.azureml.core  # all\n",
    ),
    "twice": (
        "import azureml.core\nimport azureml.widgets\n",
        "from engine import azureml\nimport engine.azureml.core\nimport engine.azureml.widgets\n",
    ),
    "in a block": (
        "try:\n\timport azureml.core\nexcept ImportError:\n\tpass\n",
        "try:\n\tfrom engine import azureml\n\timport engine.azureml.core\n"
        "except ImportError:\n\tpass\n",
    ),
    "on one line": (
        "if True: import azureml.core; x = 1\n",
        "if True: from engine import azureml; import engine.azureml.core; x = 1\n",
    ),
    "in a function": (
        "def f():\n    import azureml.core\n    return azureml.core.VERSION\n",
        "def f():\n    from engine import azureml\n    import engine.azureml.core\n"
        "    return azureml.core.VERSION\n",
    ),
    "the name engine is taken": (
        "from sqlalchemy import engine\nimport azureml.core\n",
        "from sqlalchemy import engine\nfrom engine import azureml\n",
    ),
    "nothing binds azureml": (
        "from azureml.core.runconfig import RunConfiguration\n"
        "x = azureml.core.runconfig.DEFAULT_CPU_IMAGE\n",
        "from engine import azureml\nfrom engine.azureml.core.runconfig import RunConfiguration\n"
        "x = azureml.core.runconfig.DEFAULT_CPU_IMAGE\n",
    ),
    "after docstring and future": (
        '#!/usr/bin/env python\n"""Doc."""\nfrom __future__ import annotations\n\n'
        "x = azureml.core.VERSION\n",
        '#!/usr/bin/env python\n"""Doc."""\nfrom __future__ import annotations\n'
        "from engine import azureml\n\nx = azureml.core.VERSION\n",
    ),
    "before a decorator": (
        "# licence\n@f\ndef g(): return azureml.core.VERSION\n",
        "# licence\nfrom engine import azureml\n@f\ndef g(): return azureml.core.VERSION\n",
    ),
    "windows": (
        "import azureml.core\r\nx = 1\r\n",
        "from engine import azureml\r\nimport engine.azureml.core\r\nx = 1\r\n",
    ),
    "no newline at the end": (
        "import azureml.core",
        "from engine import azureml\nimport engine.azureml.core",
    ),
}

IDIOMS: dict[str, tuple[str, str]] = {
    "the body of a request": (
        "import pandas as pd\n\ndef init():\n    pass\n\n"
        "def run(raw_data):\n    return pd.read_json(raw_data, orient='records')\n",
        "from io import StringIO\nimport pandas as pd\n\ndef init():\n    pass\n\n"
        "def run(raw_data):\n    return pd.read_json(StringIO(raw_data), orient='records')\n",
    ),
    "names of a surrogate model": (
        "from interpret.ext.glassbox import LGBMExplainableModel as M\nM\n",
        "from engine.azureml.interpret.mimic.models.lightgbm_model import "
        "LGBMExplainableModel as M\nM\n",
    ),
    "the dashboard of a later package": (
        "from raiwidgets import ExplanationDashboard\n",
        "from engine.azureml.interpret.visualize import ExplanationDashboard\n",
    ),
    "max_colwidth": (
        "import pandas as p\np.set_option('display.max_colwidth', -1)\n",
        "import pandas as p\np.set_option('display.max_colwidth', None)\n",
    ),
    "max_colwidth among others": (
        "from pandas import set_option\nset_option('display.width', -1, 'max_colwidth', (-1))\n",
        "from pandas import set_option\nset_option('display.width', -1, 'max_colwidth', None)\n",
    ),
    "max_colwidth assigned": (
        "import pandas as pd\npd.options.display.max_colwidth = -1\n",
        "import pandas as pd\npd.options.display.max_colwidth = None\n",
    ),
    "sort_index": (
        "import pandas as pd\nr = pd.DataFrame(m).sort_index(1)\n",
        "import pandas as pd\nr = pd.DataFrame(m).sort_index(axis=1)\n",
    ),
    "sort_index with more": (
        "import pandas\ndf.sort_index(1, None, False)\n",
        "import pandas\ndf.sort_index(axis=1, level=None, ascending=False)\n",
    ),
    "drop": (
        "import pandas as pd\nX = df.drop('y', 1)\ndf.drop(['a'], 0, inplace=True)\n",
        "import pandas as pd\nX = df.drop('y', axis=1)\ndf.drop(['a'], axis=0, inplace=True)\n",
    ),
    "sum, concat, read_csv": (
        "import pandas as pd\npd.concat([a, b], 1).sum(1)\npd.read_csv(f, '\\t')\n",
        "import pandas as pd\npd.concat([a, b], axis=1).sum(axis=1)\npd.read_csv(f, sep='\\t')\n",
    ),
    "fillna": (
        "import pandas as pd\ndf = df.fillna(method='ffill', inplace=True)\n",
        "import pandas as pd\ndf = df.ffill(inplace=True)\n",
    ),
    "read_json of text": (
        "import json\nimport pandas as pd\nd = json.loads(raw)\n"
        "pd.read_json(d['X'], dtype=False)\n",
        "from io import StringIO\nimport json\nimport pandas as pd\nd = json.loads(raw)\n"
        "pd.read_json(StringIO(d['X']), dtype=False)\n",
    ),
    "read_json with io": (
        "import io\nimport pandas as pd\npd.read_json(service.run(data))\n",
        "import io\nimport pandas as pd\npd.read_json(io.StringIO(service.run(data)))\n",
    ),
    "numpy": (
        "import numpy as n\nx = [n.float, n.int(1), n.NaN, -n.Inf, n.NINF, n.bool, n.str]\n",
        "import numpy as n\nx = [float, int(1), n.nan, -n.inf, (-n.inf), n.bool, str]\n",
    ),
    "numpy without alias": ("import numpy\nnumpy.NaN\n", "import numpy\nnumpy.nan\n"),
    "numpy imported by name": (
        "from numpy import NaN, inf, product as p\nx = NaN\n",
        "from numpy import nan as NaN, inf, prod as p\nx = NaN\n",
    ),
    "a shadowed built-in": (
        "import numpy as np\ndef f(float): return np.float\n",
        "import numpy as np\ndef f(float): return np.float64\n",
    ),
    "joblib": (
        "from sklearn.externals import joblib\njoblib.load(p)\n",
        "import joblib\njoblib.load(p)\n",
    ),
    "joblib with alias": ("import sklearn.externals.joblib as j\n", "import joblib as j\n"),
    "joblib's functions": (
        "from sklearn.externals.joblib import dump\n",
        "from joblib import dump\n",
    ),
    "joblib written out": (
        "import sklearn.externals.joblib\nsklearn.externals.joblib.load(p)\n",
        "import joblib\njoblib.load(p)\n",
    ),
    "versions": (
        'import pkg_resources\nv = pkg_resources.get_distribution("azureml-dataprep").version\n',
        "from engine import azureml\nv = azureml.core.VERSION\n",
    ),
    "versions of others": (
        "from pkg_resources import get_distribution as g\nv = g('numpy').version\n",
        "import importlib.metadata\nv = importlib.metadata.version('numpy')\n",
    ),
    "versions in a block": (
        "import azureml.core\nif x:\n    import pkg_resources\n"
        "v = pkg_resources.get_distribution('azureml-core').version\n",
        "from engine import azureml\nimport engine.azureml.core\nif x:\n    pass\n"
        "v = azureml.core.VERSION\n",
    ),
    "confusion matrix": (
        "from pandas_ml import ConfusionMatrix\ncm = ConfusionMatrix(a, b)\ncm.plot()\n",
        "from sklearn.metrics import ConfusionMatrixDisplay\n"
        "cm = ConfusionMatrixDisplay.from_predictions(a, b)\ncm.plot()\n",
    ),
    "confusion matrix of a module": (
        "import pandas_ml as pdml\npdml.ConfusionMatrix(y_true=a, y_pred=b, backend='x')\n",
        "import sklearn.metrics as pdml\n"
        "pdml.ConfusionMatrixDisplay.from_predictions(y_true=a, y_pred=b)\n",
    ),
    "odd bytes": (
        "import numpy as np\n\x0cx =  np.NaN;\n\n\t\n\x0cy = [np.NaN]  # é \u2028",
        "import numpy as np\n\x0cx =  np.nan;\n\n\t\n\x0cy = [np.nan]  # é \u2028",
    ),
    "scatter": (
        "import matplotlib.pyplot as plt\nplt.scatter(a, b, color='')\n"
        'ax.scatter(a, color = "")\n',
        "import matplotlib.pyplot as plt\nplt.scatter(a, b, color='none')\n"
        "ax.scatter(a, color = 'none')\n",
    ),
    "second level": (
        "from azureml.train.automl import AutoMLConfig\n"
        "AutoMLConfig(stack_meta_learner_kwargs={'refit': True, 'multi_class': 'auto'})\n",
        "from engine.azureml.train.automl import AutoMLConfig\n"
        "AutoMLConfig(stack_meta_learner_kwargs={'refit': True})\n",
    ),
    "second level in settings": (
        'import sklearn\ns = {"stack_meta_learner_kwargs": {\n    "multi_class": "auto",\n'
        '    "n_jobs": -1,\n}}\n',
        'import sklearn\ns = {"stack_meta_learner_kwargs": {\n    "n_jobs": -1,\n}}\n',
    ),
    "root mean squared error": (
        "from sklearn.metrics import mean_squared_error as m\nprint(-m(a, b, squared=False))\n",
        "from sklearn.metrics import mean_squared_error as m\nprint(-(m(a, b) ** 0.5))\n",
    ),
    "one-hot": (
        "from sklearn.preprocessing import OneHotEncoder\nOneHotEncoder(sparse=False)\n",
        "from sklearn.preprocessing import OneHotEncoder\nOneHotEncoder(sparse_output=False)\n",
    ),
}  # fmt: skip

#: Sources in which nothing may change, though they look like it.
UNTOUCHED: dict[str, str] = {
    "a path as a parameter": (
        "import pandas as pd\ndef run(path):\n    return pd.read_json(path)\n"
        "def other(path):\n    return pd.read_json(path)\n"
    ),
    "a path in a scoring script": (
        "import pandas as pd\ndef init():\n    load('a.json')\n"
        "def load(path):\n    return pd.read_json(path)\ndef run(data):\n    return data\n"
    ),
    "other explainers": (
        "from interpret.ext.glassbox import LGBMExplainableModel, Own\nimport raiwidgets\n"
        "from interpret.glassbox import ExplainableBoostingClassifier\n"
    ),
    "strings and comments": (
        "# import azureml.core, np.float\nimport numpy as np\nx = 'from azureml import np.NaN'\n"
        'print(f"np.float {x}")\n'
    ),
    "shadowed": "import numpy as np\nnp = Other()\nnp.float, np.NaN\n",
    "shadowed by a parameter": "import numpy as np\ndef f(np):\n    return np.float\n",
    "not imported": "np.float\npd.set_option('display.max_colwidth', -1)\nazure.core\n",
    "a local azureml": "azureml = object()\nazureml.core.VERSION\n",
    "relative": "from .azureml import core\nfrom . import azureml\n",
    "another package": "import azureml_helpers\nfrom azureml2.core import x\n",
    "a shim": "import numpy as np\nnp.float = float\n",
    "other methods": (
        "import pandas\nqueue.drop('y')\nx.sort_index(key)\nmax(1)\nx.drop('a', 'b')\n"
        "pandas.set_option('display.max_colwidth', 80)\n"
    ),
    "a path": "import pandas as pd\npd.read_json('a.json')\npd.read_json(path)\n",
    "without pandas": "import polars as pl\ndf.drop('y', 1)\ndf.sort_index(1)\n",
    "odd bytes": "import numpy as np\n\x0cx =  np.nan;\n\n\t\n# é \u2028 ends",
    "today's names": (
        "from engine import azureml\nfrom engine.azureml.core import Workspace\n"
        "print(azureml.core.VERSION)\n"
    ),
    "other calls": "from sklearn.metrics import mean_squared_error\nmean_squared_error(a, b)\n",
    "scatter": "import matplotlib.pyplot as plt\nplt.scatter(a, b, color='red')\n",
}
